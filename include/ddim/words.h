#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "ddim/error.h"
#include "ddim/export.h"
#include "ddim/names.h"

namespace ddim {

/// What people write, and what is told to them.

/// "; did you mean --steps?" when one of the words is near, otherwise "".
DDIM_API std::string suggestion(const std::string& word, const std::vector<std::string>& words);

/// What is wrong with a value that must be one of `words`, "" for nothing.
DDIM_API std::string problem_of_word(const std::string& word,
                                     const std::vector<std::string>& words);

/// How the values of a choice are spelled.
template <HasNames Value>
std::vector<std::string> names_of() {
  std::vector<std::string> names;
  for (const Named<Value>& entry : Names<Value>::all()) names.emplace_back(entry.name);
  return names;
}

/// The value with this spelling; Error(user), which begins with `cause`, for others.
template <HasNames Value>
Value value_of_word(const std::string& cause, const std::string& word) {
  if (const auto value = value_named<Value>(word)) return *value;
  throw Error(ErrorCode::user, cause + ": " + problem_of_word(word, names_of<Value>()));
}

/// Text from a file of somebody else, without the control characters that could command a terminal.
inline std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

/// The number that a text is, all of it; nothing for other texts and what `Number` cannot hold.
template <std::integral Number>
std::optional<Number> whole_number(const std::string& text) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || next != end) return std::nullopt;
  return number;
}

}  // namespace ddim
