#pragma once

#include <ddim/image.h>

#include <cstdint>
#include <string_view>

namespace ddim::engine::io {

/// Height of a line of text in pixels at scale 1, and the width of one of its characters.
inline constexpr std::int64_t kTextHeight = 8;
inline constexpr std::int64_t kTextWidth = 6;

/// Writes printable ASCII (other characters as `?`) into a picture, its upper left corner at
/// (left, top), each dot of a letter `scale` pixels wide, in the grey level `level`; alpha becomes
/// 255. What does not fit is cut off.
void draw_text(Image& image, std::int64_t left, std::int64_t top, std::string_view text,
               std::int64_t scale, std::uint8_t level);

}  // namespace ddim::engine::io
