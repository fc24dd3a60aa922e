#include "io/zip_writer.h"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>

#include "io/digests.h"

namespace ddim::engine::io {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kEndsSize = kZip64EndSize + kZip64LocatorSize + kEndSize;
constexpr std::uint16_t kFlags = 1U << 3 | 1U << 11;  // sizes follow the data; names are UTF-8
constexpr std::uint16_t kPaddingField = 0x4246;       // "FB", as PyTorch calls it
constexpr std::uint16_t kZip64Version = 45;           // of APPNOTE, with zip64

/// Little-endian numbers and text, one after the other.
class Bytes {
 public:
  template <std::integral T>
  Bytes& add(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      text_ += static_cast<char>(static_cast<std::uint64_t>(value) >> 8 * i & 0xFF);
    return *this;
  }
  Bytes& add(const Bytes& bytes) { return add_text(bytes.text_); }
  Bytes& add_text(const std::string& text) {
    text_ += text;
    return *this;
  }
  std::uint64_t size() const { return text_.size(); }
  void write_to(const ByteSink& sink) const { sink(std::as_bytes(std::span(text_))); }

 private:
  std::string text_;
};

std::uint64_t aligned(std::uint64_t place) {
  return (place + kAlignment - 1) / kAlignment * kAlignment;
}

/// A field of zip64: its id, and 64-bit numbers.
Bytes zip64_field(std::initializer_list<std::uint64_t> numbers) {
  Bytes bytes;
  bytes.add<std::uint16_t>(1).add(static_cast<std::uint16_t>(8 * numbers.size()));
  for (const std::uint64_t number : numbers) bytes.add(number);
  return bytes;
}

/// A member at its place in the archive.
struct Placed {
  const ZipMember& member;
  std::uint64_t begin;
  bool is_large;  ///< its sizes stand in a field of zip64
  std::uint32_t crc32 = 0;

  std::uint64_t size() const { return member.content.size_bytes; }
  std::uint32_t short_size() const {
    return is_large ? kInZip64 : static_cast<std::uint32_t>(size());
  }
};

/// What moves the data of a member to a multiple of 64: at least the 4 bytes of its own header.
Bytes padding_field(std::uint64_t place) {
  const std::uint64_t data = place + 4;
  const std::uint64_t size = aligned(data) - data;
  Bytes bytes;
  bytes.add(kPaddingField).add(static_cast<std::uint16_t>(size));
  return bytes.add_text(std::string(size, 'Z'));
}

Bytes local_header(const Placed& placed) {
  const std::string& name = placed.member.name;
  const std::uint32_t size = placed.is_large ? kInZip64 : 0;  // else in the descriptor
  Bytes fields = placed.is_large ? zip64_field({placed.size(), placed.size()}) : Bytes();
  fields.add(padding_field(placed.begin + kLocalHeaderSize + name.size() + fields.size()));
  Bytes bytes;
  bytes.add(kLocalHeader).add(kZip64Version).add(kFlags);
  bytes.add<std::uint16_t>(0).add<std::uint32_t>(0);  // stored, no date
  bytes.add<std::uint32_t>(0).add(size).add(size);    // the CRC-32 is in the descriptor
  bytes.add(static_cast<std::uint16_t>(name.size()));
  return bytes.add(static_cast<std::uint16_t>(fields.size())).add_text(name).add(fields);
}

Bytes descriptor(const Placed& placed) {
  Bytes bytes;
  bytes.add(kDescriptor).add(placed.crc32);
  if (placed.is_large) return bytes.add(placed.size()).add(placed.size());
  return bytes.add(placed.short_size()).add(placed.short_size());
}

bool needs_zip64(std::uint64_t begin) { return begin >= kInZip64; }

Bytes directory_header(const Placed& placed) {
  const bool is_far = needs_zip64(placed.begin);
  const std::uint64_t size = placed.size(), begin = placed.begin;
  const Bytes field = placed.is_large && is_far ? zip64_field({size, size, begin})
                      : placed.is_large         ? zip64_field({size, size})
                      : is_far                  ? zip64_field({begin})
                                                : Bytes();
  Bytes bytes;
  bytes.add(kDirectoryHeader).add(kZip64Version).add(kZip64Version).add(kFlags);
  bytes.add<std::uint16_t>(0).add<std::uint32_t>(0);  // stored, no date
  bytes.add(placed.crc32).add(placed.short_size()).add(placed.short_size());
  bytes.add(static_cast<std::uint16_t>(placed.member.name.size()));
  bytes.add(static_cast<std::uint16_t>(field.size()));
  bytes.add<std::uint16_t>(0).add<std::uint16_t>(0).add<std::uint16_t>(0).add<std::uint32_t>(0);
  bytes.add(is_far ? kInZip64 : static_cast<std::uint32_t>(begin));
  return bytes.add_text(placed.member.name).add(field);
}

Bytes end_records(std::uint64_t num_members, std::uint64_t begin, std::uint64_t end) {
  Bytes bytes;
  bytes.add(kZip64End).add(kZip64EndSize - 12).add(kZip64Version).add(kZip64Version);
  bytes.add<std::uint32_t>(0).add<std::uint32_t>(0).add(num_members).add(num_members);
  bytes.add(end - begin).add(begin);
  bytes.add(kZip64Locator).add<std::uint32_t>(0).add(end).add<std::uint32_t>(1);
  const auto short_count = static_cast<std::uint16_t>(
      num_members < kInZip64Short ? num_members : std::uint64_t{kInZip64Short});
  bytes.add(kEnd).add<std::uint16_t>(0).add<std::uint16_t>(0);
  bytes.add(short_count).add(short_count);
  bytes.add(static_cast<std::uint32_t>(end - begin));
  bytes.add(needs_zip64(begin) ? kInZip64 : static_cast<std::uint32_t>(begin));
  return bytes.add<std::uint16_t>(0);
}

/// The members one behind the other.
std::vector<Placed> placed(const std::vector<ZipMember>& members, std::uint64_t zip64_from) {
  std::vector<Placed> all;
  std::uint64_t place = 0;
  for (const ZipMember& member : members) {
    all.push_back({member, place, member.content.size_bytes >= zip64_from});
    place += local_header(all.back()).size() + all.back().size() + descriptor(all.back()).size();
  }
  return all;
}

std::uint64_t archive_size(const std::vector<Placed>& members) {
  std::uint64_t size = kEndsSize;
  for (const Placed& each : members)
    size += local_header(each).size() + each.size() + descriptor(each).size() +
            directory_header(each).size();
  return size;
}

void write_archive(std::vector<Placed> members, const ByteSink& sink) {
  std::uint64_t place = 0;
  const auto put = [&](const Bytes& bytes) {
    bytes.write_to(sink);
    place += bytes.size();
  };
  for (Placed& each : members) {
    put(local_header(each));
    each.member.content.write_to([&](std::span<const std::byte> bytes) {
      each.crc32 = crc32_of(bytes, each.crc32);
      sink(bytes);
    });
    place += each.size();
    put(descriptor(each));
  }
  const std::uint64_t directory = place;
  for (const Placed& each : members) put(directory_header(each));
  put(end_records(members.size(), directory, place));
}

}  // namespace

FileContent zip_content(std::vector<ZipMember> members, std::uint64_t zip64_from) {
  const std::uint64_t size = archive_size(placed(members, zip64_from));
  return {size, [members = std::move(members), zip64_from](const ByteSink& sink) {
            write_archive(placed(members, zip64_from), sink);
          }};
}

}  // namespace ddim::engine::io
