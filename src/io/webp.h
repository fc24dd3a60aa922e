#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/image.h"

namespace ddim::engine::io {

/// Whether this build has libwebp; without it decode_webp() and encode_webp_animation() fail.
bool has_webp() noexcept;

/// The WebP, or the first frame of an animation. Error(corrupt) naming `file_name` for what is
/// damaged or ends early, and for more pixels than `budget` has left; Error(user) without libwebp.
Picture decode_webp(std::span<const std::byte> bytes, const std::string& file_name,
                    const PixelBudget& budget = {});

/// The bytes of a lossless WebP animation that repeats for ever and shows each picture for
/// `frame_ms`. Error(user) without libwebp, saying what to install; for none or for different
/// sizes; for pictures with more than 4 channels or larger than 16383 pixels; for frame_ms outside
/// 10 to 10,000.
std::vector<std::byte> encode_webp_animation(std::span<const Image> frames, int frame_ms);

}  // namespace ddim::engine::io
