#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <system_error>

namespace ddim {

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
