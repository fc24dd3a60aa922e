#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ddim/export.h"

namespace ddim {

/// A colour of 8 bits per channel; white unless said otherwise.
struct Colour {
  std::uint8_t red = 255;
  std::uint8_t green = 255;
  std::uint8_t blue = 255;
  friend bool operator==(const Colour&, const Colour&) = default;
};

/// The colour that a text names: "white", "black", "grey", or "#rrggbb" in hexadecimal digits.
/// Error(user) for another, saying what is understood.
DDIM_API Colour parse_colour(std::string_view text);
/// The text that parse_colour() takes: a name where there is one.
DDIM_API std::string to_string(const Colour& colour);

}  // namespace ddim
