#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ddim::engine {

using Sha256State = std::array<std::uint32_t, 8>;

/// The compression function of SHA-256 over `num_blocks` blocks of 64 bytes.
using Sha256Blocks = void (*)(Sha256State& state, const std::byte* blocks, std::size_t num_blocks);

void sha256_blocks_portable(Sha256State& state, const std::byte* blocks, std::size_t num_blocks);

/// Uses the processor's own instructions, four times as fast; nullptr if it has none.
Sha256Blocks sha256_blocks_of_processor();

}  // namespace ddim::engine
