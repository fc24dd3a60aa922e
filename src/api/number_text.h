#pragma once

#include <array>
#include <charconv>
#include <string>

namespace ddim {

/// The shortest text that reads back as the same number, whatever the locale.
inline std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace ddim
