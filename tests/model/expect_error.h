#pragma once

#include <ddim/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ddim {

/// Expects that `act` throws an Error of this code whose message holds all of `parts`.
template <class Act>
void expect_error(ErrorCode code, const std::vector<std::string>& parts, const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    for (const std::string& part : parts) EXPECT_THAT(error.what(), testing::HasSubstr(part));
    return;
  }
  ADD_FAILURE() << "no error; expected one about: " << testing::PrintToString(parts);
}

}  // namespace ddim
