#include "io/zip_writer.h"

#include <zlib.h>

#include <cstdint>
#include <span>
#include <utility>

#include "base/error.h"
#include "io/zip_format.h"

namespace ddim::engine::io {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kZip64FieldSize = 12;  // id, size, the place of the local header
constexpr std::uint64_t kEndsSize = kZip64EndSize + kZip64LocatorSize + kEndSize;
constexpr std::uint16_t kFlags = 1U << 3 | 1U << 11;  // sizes follow the data; names are UTF-8
constexpr std::uint16_t kPaddingField = 0x4246;       // "FB", as PyTorch calls it
constexpr std::uint16_t kZip64Version = 45;           // of APPNOTE, with zip64

/// Little-endian numbers and text, one after the other.
class Bytes {
 public:
  template <class T>
  Bytes& add(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      text_ += static_cast<char>(static_cast<std::uint64_t>(value) >> 8 * i & 0xFF);
    return *this;
  }
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

/// Bytes of the field that moves the data of a member, whose header begins at `begin`, to a
/// multiple of 64: at least the 4 of its own header.
std::uint64_t padding_size(const ZipMember& member, std::uint64_t begin) {
  const std::uint64_t data = begin + kLocalHeaderSize + member.name.size() + 4;
  return 4 + aligned(data) - data;
}

Bytes local_header(const ZipMember& member, std::uint64_t begin) {
  const std::uint64_t padding = padding_size(member, begin);
  Bytes bytes;
  bytes.add(kLocalHeader).add(kZip64Version).add(kFlags);
  bytes.add<std::uint16_t>(0).add<std::uint32_t>(0);                        // stored, no date
  bytes.add<std::uint32_t>(0).add<std::uint32_t>(0).add<std::uint32_t>(0);  // in the descriptor
  bytes.add(static_cast<std::uint16_t>(member.name.size()));
  bytes.add(static_cast<std::uint16_t>(padding)).add_text(member.name);
  bytes.add(kPaddingField).add(static_cast<std::uint16_t>(padding - 4));
  return bytes.add_text(std::string(padding - 4, 'Z'));
}

/// What is known of a member when its data have been written.
struct Written {
  std::uint64_t begin;
  std::uint32_t crc32, size;
};

Bytes descriptor(const Written& written) {
  Bytes bytes;
  bytes.add(kDescriptor).add(written.crc32);
  return bytes.add(written.size).add(written.size);
}

bool needs_zip64(std::uint64_t begin) { return begin >= kInZip64; }

Bytes directory_header(const ZipMember& member, const Written& written) {
  const bool zip64 = needs_zip64(written.begin);
  Bytes bytes;
  bytes.add(kDirectoryHeader).add(kZip64Version).add(kZip64Version).add(kFlags);
  bytes.add<std::uint16_t>(0).add<std::uint32_t>(0);  // stored, no date
  bytes.add(written.crc32).add(written.size).add(written.size);
  bytes.add(static_cast<std::uint16_t>(member.name.size()));
  bytes.add(static_cast<std::uint16_t>(zip64 ? kZip64FieldSize : 0));
  bytes.add<std::uint16_t>(0).add<std::uint16_t>(0).add<std::uint16_t>(0).add<std::uint32_t>(0);
  bytes.add(zip64 ? kInZip64 : static_cast<std::uint32_t>(written.begin)).add_text(member.name);
  if (zip64) bytes.add<std::uint16_t>(1).add<std::uint16_t>(8).add(written.begin);
  return bytes;
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

std::uint64_t archive_size(const std::vector<ZipMember>& members) {
  std::uint64_t place = 0, directory = 0;
  for (const ZipMember& member : members) {
    require(member.content.size_bytes < kInZip64, "zip: ", member.name, " has ",
            member.content.size_bytes, " bytes; less than 4 GiB are possible");
    directory +=
        kDirectoryHeaderSize + member.name.size() + (needs_zip64(place) ? kZip64FieldSize : 0);
    place += kLocalHeaderSize + member.name.size() + padding_size(member, place) +
             member.content.size_bytes + kDescriptorSize;
  }
  return place + directory + kEndsSize;
}

void write_archive(const std::vector<ZipMember>& members, const ByteSink& sink) {
  std::uint64_t place = 0;
  const auto put = [&](const Bytes& bytes) {
    bytes.write_to(sink);
    place += bytes.size();
  };
  std::vector<Written> written;
  for (const ZipMember& member : members) {
    written.push_back({.begin = place,
                       .crc32 = 0,
                       .size = static_cast<std::uint32_t>(member.content.size_bytes)});
    put(local_header(member, place));
    uLong crc = 0;
    member.content.write_to([&](std::span<const std::byte> bytes) {
      crc = crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
      sink(bytes);
    });
    place += member.content.size_bytes;
    written.back().crc32 = static_cast<std::uint32_t>(crc);
    put(descriptor(written.back()));
  }
  const std::uint64_t directory = place;
  for (std::size_t i = 0; i < members.size(); ++i) put(directory_header(members[i], written[i]));
  put(end_records(members.size(), directory, place));
}

}  // namespace

FileContent zip_content(std::vector<ZipMember> members) {
  const std::uint64_t size = archive_size(members);
  return {size,
          [members = std::move(members)](const ByteSink& sink) { write_archive(members, sink); }};
}

}  // namespace ddim::engine::io
