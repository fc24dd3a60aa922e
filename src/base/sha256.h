#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/sha256_blocks.h"

namespace ddim::engine {

/// SHA-256 (FIPS 180-4) of bytes that arrive in pieces.
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  /// The digest as 64 lower-case hexadecimal digits. Do not update afterwards.
  std::string finish_hex();

 private:
  Sha256State state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> block_{};
  std::size_t num_pending_ = 0;  ///< bytes in block_
  std::uint64_t num_bytes_ = 0;
};

/// The SHA-256 of `bytes` in hexadecimal.
std::string sha256_hex(std::span<const std::byte> bytes);

/// That of a file. Error(io) when it cannot be read.
std::string sha256_hex_of_file(const std::filesystem::path& path);

}  // namespace ddim::engine
