#pragma once

#include <string>

namespace ddim {

/// Text from a file of somebody else, without the control characters that could command a terminal.
inline std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace ddim
