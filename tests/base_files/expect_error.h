#pragma once

#include <ddim/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ddim::test {

/// Runs `work`, which must throw an Error of this code whose message is one line and matches.
template <class Work, class Matcher>
void expect_error(ErrorCode code, const Matcher& message, const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(std::string(error.what()), message);
    EXPECT_THAT(std::string(error.what()), testing::Not(testing::HasSubstr("\n")));
    return;
  }
  ADD_FAILURE() << "nothing was thrown";
}

}  // namespace ddim::test
