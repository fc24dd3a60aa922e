#pragma once

#include <filesystem>
#include <span>

#include "ddim/export.h"
#include "ddim/image.h"

namespace ddim {

/// How an animation is written.
struct AnimationOptions {
  int frame_ms = 80;  ///< how long each picture is shown, 10 to 10,000
  Overwrite overwrite = Overwrite::refuse;
};

/// Whether this build can write animations: it needs libwebp.
DDIM_API bool can_write_animations() noexcept;

/// Writes pictures of one size as an animation that repeats for ever: lossless WebP, which browsers
/// show. Error(user) without libwebp (saying what to install), for none or for different sizes;
/// otherwise as write_png().
DDIM_API void write_animation(const std::filesystem::path& path, std::span<const Image> frames,
                              const AnimationOptions& options = {});

}  // namespace ddim
