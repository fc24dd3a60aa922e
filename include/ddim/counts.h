#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ddim {

/// 12345 -> "12,345"
inline std::string with_thousands(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::size_t begin = text.starts_with('-') ? 1 : 0;
  for (std::size_t at = text.size(); at > begin + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

/// "1 picture", "1,200 pictures"; `unit` is a plural that ends in s.
inline std::string count_of(std::int64_t number, std::string_view unit) {
  if (number == 1) unit.remove_suffix(1);
  return with_thousands(number) + ' ' + std::string(unit);
}

}  // namespace ddim
