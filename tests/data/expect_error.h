#pragma once

#include <ddim/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace ddim::test {

/// `run` must throw an Error of this code whose message contains `part`.
inline void expect_error(ErrorCode code, const std::string& part,
                         const std::function<void()>& run) {
  try {
    run();
    ADD_FAILURE() << "no error; expected one with: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    EXPECT_THAT(error.what(), ::testing::HasSubstr(part));
  }
}

}  // namespace ddim::test
