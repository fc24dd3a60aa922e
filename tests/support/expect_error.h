#pragma once

#include <ddim/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ddim::test {

/// Runs `work`, which must throw an Error of this code. Its message must match `message`: a text
/// that it holds, or a matcher of GoogleMock. It must be one line, unless that text has line ends
/// itself.
template <class Message, class Work>
void expect_error(ErrorCode code, const Message& message, const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_EQ(error.code(), code) << what;
    bool is_one_line = true;
    if constexpr (std::is_convertible_v<const Message&, std::string_view>) {
      EXPECT_THAT(what, testing::HasSubstr(std::string(message)));
      is_one_line = std::string_view(message).find('\n') == std::string_view::npos;
    } else {
      EXPECT_THAT(what, message);
    }
    if (is_one_line) {
      EXPECT_THAT(what, testing::Not(testing::HasSubstr("\n")));
    }
    return;
  }
  ADD_FAILURE() << "no error; expected one about: " << testing::PrintToString(message);
}

/// As above, with a message that holds all of `parts`.
template <class Work>
void expect_error(ErrorCode code, const std::vector<std::string>& parts, const Work& work) {
  std::vector<testing::Matcher<std::string>> matchers;
  for (const std::string& part : parts) matchers.emplace_back(testing::HasSubstr(part));
  expect_error(code, testing::AllOfArray(matchers), work);
}

}  // namespace ddim::test
