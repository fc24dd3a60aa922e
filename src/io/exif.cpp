#include "io/exif.h"

#include <cstdint>
#include <string_view>

namespace ddim::engine::io {
namespace {

constexpr std::string_view kExifMark{"Exif\0\0", 6};
constexpr int kAsSeen = 1;

/// Numbers in the file's byte order; 0 for what lies outside of it.
class Fields {
 public:
  Fields(std::span<const std::byte> bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

 private:
  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t place = at + (big_endian_ ? i : size - 1 - i);
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[place]);
    }
    return value;
  }

  std::span<const std::byte> bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(std::span<const std::byte> exif) {
  std::string_view text(reinterpret_cast<const char*>(exif.data()), exif.size());
  if (text.starts_with(kExifMark)) {
    text.remove_prefix(kExifMark.size());
    exif = exif.subspan(kExifMark.size());
  }
  const bool big_endian = text.starts_with("MM");
  if (!big_endian && !text.starts_with("II")) return kAsSeen;
  const Fields fields(exif, big_endian);
  if (fields.u16(2) != 42) return kAsSeen;
  constexpr std::uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
  constexpr std::size_t kEntryBytes = 12;
  const std::size_t entries_at = fields.u32(4);
  const std::uint32_t count = fields.u16(entries_at);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = entries_at + 2 + i * kEntryBytes;
    const std::uint32_t type = fields.u16(at + 2);
    if (fields.u16(at) != kOrientation || (type != kShort && type != kLong)) continue;
    const std::uint32_t orientation = type == kShort ? fields.u16(at + 8) : fields.u32(at + 8);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : kAsSeen;
  }
  return kAsSeen;
}

}  // namespace ddim::engine::io
