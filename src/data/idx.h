#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/images.h"

namespace ddim::engine::data {

/// Reads an idx3-ubyte file (MNIST's format): the bytes 0 0 8 3, then count, height and width as
/// big-endian 32-bit numbers, then count*height*width bytes, and nothing else. One channel.
/// Throws Error(corrupt) with `name` for anything else.
Images parse_idx(std::span<const std::uint8_t> bytes, std::string_view name);

/// Unpacks `bytes`, one or more gzip members (pigz, bgzip and `cat` make several) with nothing but
/// zeros behind them, and verifies their checksums. Throws Error(corrupt) with
/// `name` for anything else, and if the content is larger than `max_bytes`.
std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> bytes, std::size_t max_bytes,
                                 std::string_view name);

}  // namespace ddim::engine::data
