#include "io/digests.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace ddim::engine::io {

namespace {

constexpr std::size_t kDigits = 8;

}  // namespace

std::uint32_t crc32_of(std::span<const std::byte> bytes, std::uint32_t before) {
  if (bytes.empty()) return before;  // zlib begins anew where there is no address
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void for_each_piece(const MappedFile& file, std::span<const std::byte> bytes,
                    const std::function<void(std::span<const std::byte>)>& take) {
  constexpr std::size_t kPiece = std::size_t{4} << 20;
  while (!bytes.empty()) {
    const std::span<const std::byte> piece = bytes.first(std::min(kPiece, bytes.size()));
    take(piece);
    if (file.is_mapped()) release_pages(piece);
    bytes = bytes.subspan(piece.size());
  }
}

std::uint32_t crc32_in(const MappedFile& file, std::span<const std::byte> bytes) {
  std::uint32_t crc32 = 0;
  for_each_piece(file, bytes,
                 [&](std::span<const std::byte> piece) { crc32 = crc32_of(piece, crc32); });
  return crc32;
}

std::string damaged_tensor(const TensorEntry& entry) {
  return concat("tensor ", display_name(entry.name),
                " is damaged: its bytes do not have the CRC-32 that the file states (or another "
                "program changed them and kept the metadata ",
                kCrc32Key, ")");
}

std::uint32_t layout_crc32(std::string_view name, StoredType type,
                           const std::vector<std::int64_t>& shape, std::uint32_t before) {
  const std::string text = concat(name, ' ', to_string(type), ' ', join(shape, ","), '\n');
  return crc32_of(std::as_bytes(std::span(text)), before);
}

std::string crc32_text(std::uint32_t crc32) {
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[crc32 >> shift & 15];
  return text;
}

void take_digests(const Metadata& metadata, std::vector<TensorEntry>& entries,
                  const std::string& file_name) {
  const auto found = metadata.find(kCrc32Key);
  if (found == metadata.end()) return;
  const std::string& text = found->second;
  if (text.size() % kDigits != 0 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    fail(ErrorCode::corrupt, file_name, ": its metadata ", kCrc32Key,
         " is damaged: it should be eight hexadecimal digits for each tensor");
  const std::size_t size = entries.size() * kDigits;
  if (text.size() != size && text.size() != size + kDigits) return;
  if (text.size() > size) {
    std::uint32_t layout = 0;
    for (const TensorEntry& entry : entries)
      layout = layout_crc32(entry.name, entry.type, entry.shape, layout);
    if (text.substr(size) != crc32_text(layout)) return;
  }
  const char* digits = text.data();
  for (TensorEntry& entry : entries) {
    entry.checked = entry.bytes;
    std::from_chars(digits, digits + kDigits, entry.crc32, 16);
    digits += kDigits;
  }
}

}  // namespace ddim::engine::io
