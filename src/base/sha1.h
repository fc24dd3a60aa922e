#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ddim::engine {

/// SHA-1 (FIPS 180-4) of bytes that arrive in pieces. It protects against accidents, not against
/// attackers. It is here because git names files by their SHA-1.
class Sha1 {
 public:
  void update(std::span<const std::byte> bytes);
  /// The digest as 40 lower-case hexadecimal digits. Do not update afterwards.
  std::string finish_hex();

 private:
  void compress(const std::byte* block);

  std::array<std::uint32_t, 5> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  std::array<std::byte, 64> block_{};
  std::size_t num_pending_ = 0;  ///< bytes in block_
  std::uint64_t num_bytes_ = 0;
};

}  // namespace ddim::engine
