#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ddim::engine::data {

/// Reads an idx1-ubyte file (MNIST's labels): the bytes 0 0 8 1, then the count as a big-endian
/// 32-bit number, then one byte per label, and nothing else. Throws Error(corrupt) with `name` for
/// anything else.
std::vector<std::int64_t> parse_idx_labels(std::span<const std::uint8_t> bytes,
                                           std::string_view name);

}  // namespace ddim::engine::data
