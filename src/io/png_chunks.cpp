#include "io/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "io/exif.h"

namespace ddim::engine::io {
namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr std::size_t kFrameBytes = 12;  // of a chunk: length, type, checksum
constexpr std::size_t kMaxTextBytes = 1 << 20;
constexpr std::size_t kMaxTexts = 60;

std::uint32_t big_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes.first(4))
    value = value << 8 | std::to_integer<std::uint32_t>(byte);
  return value;
}

struct Chunk {
  std::string_view type;
  std::span<const std::byte> data;
  std::span<const std::byte> all;

  bool is_critical() const { return type[0] >= 'A' && type[0] <= 'Z'; }
  bool is_text() const { return type == "tEXt" || type == "zTXt" || type == "iTXt"; }
  bool has_right_checksum() const {
    const auto summed = all.subspan(4, 4 + data.size());
    const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(summed.data()), summed.size());
    return crc == big_endian(all.last(4));
  }
};

}  // namespace

PngPieces choose_png_pieces(std::span<const std::byte> file) {
  PngPieces chosen;
  std::size_t num_texts = 0;
  const auto left_out = [&](const Chunk& chunk, std::string_view reason) {
    if (chosen.warning.empty()) chosen.warning = concat(chunk.type, " left out: ", reason);
  };
  const auto is_wanted = [&](const Chunk& chunk) {
    if (chunk.is_critical()) {
      if (chosen.damage.empty() && !chunk.has_right_checksum())
        chosen.damage = concat(chunk.type, " has a wrong checksum");
      return true;
    }
    if (!chunk.has_right_checksum()) {
      left_out(chunk, "wrong checksum");
      return false;
    }
    if (chunk.type == "eXIf") chosen.orientation = exif_orientation(chunk.data);
    if (!chunk.is_text()) return chunk.type == "tRNS";
    const bool fits = chunk.data.size() <= kMaxTextBytes && num_texts < kMaxTexts;
    if (!fits) left_out(chunk, chunk.data.size() > kMaxTextBytes ? "too long" : "too many");
    ++num_texts;
    return fits;
  };

  std::span<const std::byte> rest = file;
  const auto take = [&](std::size_t size) {
    const auto piece = rest.first(size);
    rest = rest.subspan(size);
    return piece;
  };
  chosen.pieces.push_back(take(std::min(kSignatureBytes, rest.size())));
  while (rest.size() >= kFrameBytes && big_endian(rest) <= rest.size() - kFrameBytes) {
    const std::size_t length = big_endian(rest);
    const Chunk chunk{.type = {reinterpret_cast<const char*>(rest.data()) + 4, 4},
                      .data = rest.subspan(8, length),
                      .all = rest.first(length + kFrameBytes)};
    if (is_wanted(chunk)) chosen.pieces.push_back(chunk.all);
    take(chunk.all.size());
    if (chunk.type != "IEND") continue;
    if (!rest.empty() && chosen.warning.empty())
      chosen.warning = concat(rest.size(), " bytes after the end");
    return chosen;
  }
  // The decoder would ask for memory for all of an ancillary chunk that ends early.
  const bool is_ancillary = rest.size() >= 8 && std::to_integer<char>(rest[4]) >= 'a';
  if (!is_ancillary) chosen.pieces.push_back(rest);
  return chosen;
}

}  // namespace ddim::engine::io
