#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

namespace ddim::engine {

/// What is shown of a value: itself, but of NaN, whose sign says nothing, always "nan".
template <class Value>
decltype(auto) shown_value(const Value& value) {
  if constexpr (std::is_floating_point_v<Value>) {
    return std::isnan(value) ? std::abs(value) : value;
  } else {
    return (value);
  }
}

/// A text that is printed into. Where there is no memory it throws, while a stream of the standard
/// library goes on without the rest, and nobody notices.
class TextStream : public std::ostringstream {
 public:
  TextStream() { exceptions(std::ios::badbit); }
};

/// Joins its arguments as an output stream would print them.
template <class... Parts>
std::string concat(const Parts&... parts) {
  TextStream out;
  (out << ... << shown_value(parts));
  return out.str();
}

/// text_of(item) for each item of `list`, with `separator` between them.
template <class List, class TextOf>
std::string join(const List& list, std::string_view separator, TextOf text_of) {
  TextStream out;
  std::string_view before;
  for (const auto& item : list) {
    out << before << shown_value(text_of(item));
    before = separator;
  }
  return out.str();
}

/// The items of `list` as an output stream would print them, with `separator` between them.
template <class List>
std::string join(const List& list, std::string_view separator) {
  return join(list, separator, std::identity{});
}

/// ASCII letters only: endings of files, words of the program.
inline std::string small_letters(std::string text) {
  for (char& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

/// The shortest text that reads back as the same number, whatever the locale.
inline std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), shown_value(value)).ptr;
  return {text.data(), end};
}

}  // namespace ddim::engine
