#pragma once

#include <ddim/image.h>

#include <cstdint>

namespace ddim::engine::io {

/// Files that declare more are refused before anything is decoded.
inline constexpr std::int64_t kMaxPixels = 64'000'000;
inline constexpr std::uint64_t kMaxImageFileBytes = 1 << 29;

/// What the caller wants of a file: its own number of channels without alpha (1 or 3), or a given
/// one. Grey is repeated into RGB; RGB becomes grey by 0.299 R + 0.587 G + 0.114 B; alpha is kept
/// where it is wanted, added as 255 where the file has none, and otherwise dropped.
enum class Channels { as_stored, grey, grey_alpha, rgb, rgba };

/// The kind that has this many channels, 1 to 4; as_stored for others.
Channels channels_of(std::int64_t count);

/// The picture with the wanted channels.
Image convert_channels(Image image, Channels wanted);

}  // namespace ddim::engine::io
