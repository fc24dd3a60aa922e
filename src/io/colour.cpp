#include <ddim/colour.h>

#include <charconv>

#include "base/error.h"

namespace ddim {

using namespace engine;
namespace {

struct NamedColour {
  std::string_view name;
  Colour colour;
};

constexpr NamedColour kColours[] = {
    {"white", {255, 255, 255}}, {"black", {0, 0, 0}}, {"grey", {128, 128, 128}}};

constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

Colour parse_colour(std::string_view text) {
  for (const NamedColour& named : kColours)
    if (text == named.name) return named.colour;
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const bool is_hex = text.size() == 7 && text.front() == '#' &&
                      std::from_chars(text.data() + 1, end, value, 16).ptr == end;
  require(is_hex, "unknown colour \"", text,
          "\"; expected white, black, grey or #rrggbb, such as #ff8000");
  return {static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8),
          static_cast<std::uint8_t>(value)};
}

std::string to_string(const Colour& colour) {
  for (const NamedColour& named : kColours)
    if (colour == named.colour) return std::string(named.name);
  std::string text = "#";
  for (const std::uint8_t sample : {colour.red, colour.green, colour.blue}) {
    text += kHexDigits[sample >> 4];
    text += kHexDigits[sample & 15];
  }
  return text;
}

}  // namespace ddim
