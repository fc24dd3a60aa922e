#include "base/sha256.h"

#include <algorithm>

#include "base/file_input.h"

namespace ddim::engine {

void Sha256::update(std::span<const std::byte> bytes) {
  static const Sha256Blocks of_processor = sha256_blocks_of_processor();
  const Sha256Blocks blocks = of_processor != nullptr ? of_processor : sha256_blocks_portable;
  num_bytes_ += bytes.size();
  if (num_pending_ > 0) {
    const std::size_t taken = std::min(bytes.size(), block_.size() - num_pending_);
    std::copy_n(bytes.begin(), taken, block_.begin() + static_cast<std::ptrdiff_t>(num_pending_));
    num_pending_ += taken;
    bytes = bytes.subspan(taken);
    if (num_pending_ < block_.size()) return;
    blocks(state_, block_.data(), 1);
    num_pending_ = 0;
  }
  const std::size_t num_blocks = bytes.size() / block_.size();
  blocks(state_, bytes.data(), num_blocks);
  bytes = bytes.subspan(num_blocks * block_.size());
  std::copy(bytes.begin(), bytes.end(), block_.begin());
  num_pending_ = bytes.size();
}

std::string Sha256::finish_hex() {
  const std::uint64_t num_bits = num_bytes_ * 8;
  // A one bit, zeros up to 8 bytes before the end of a block, the length in bits.
  std::array<std::byte, 72> padding{};
  padding[0] = std::byte{0x80};
  const std::size_t num_zeros = (119 - num_pending_) % 64;
  for (std::size_t i = 0; i < 8; ++i) {
    padding[1 + num_zeros + i] = static_cast<std::byte>(num_bits >> (56 - 8 * i));
  }
  update(std::span(padding).first(1 + num_zeros + 8));

  std::string hex;
  for (const std::uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  }
  return hex;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish_hex();
}

std::string sha256_hex_of_file(const std::filesystem::path& path) {
  Sha256 hash;
  read_pieces(path, [&](std::span<const std::byte> bytes) { hash.update(bytes); });
  return hash.finish_hex();
}

}  // namespace ddim::engine
