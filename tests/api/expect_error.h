#pragma once

#include <ddim/error.h>
#include <gtest/gtest.h>

#include <string>

namespace ddim::api_test {

/// Runs `action`, which must throw Error(code) with a message that holds `part`.
template <class Action>
void expect_error(ErrorCode code, const std::string& part, Action action) {
  try {
    action();
    ADD_FAILURE() << "no error; expected one with \"" << part << "\"";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

}  // namespace ddim::api_test
