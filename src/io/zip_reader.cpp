#include "io/zip_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "io/digests.h"
#include "io/tensor_table.h"
#include "io/zip_format.h"

namespace ddim::engine::io {
namespace {

constexpr std::size_t kMaxCommentSize = 0xFFFF;
constexpr std::uint16_t kZip64Field = 0x0001;
constexpr std::uint16_t kEncrypted = 1U << 0 | 1U << 6 | 1U << 13;
constexpr std::uint16_t kSizesFollowData = 1U << 3;
constexpr std::uint16_t kDeflated = 8;
constexpr std::size_t kMaxEntries = 400'000;

class ZipParser {
 public:
  ZipParser(std::span<const std::byte> file, const std::string& file_name, ZipMethods methods)
      : file_(file), file_name_(file_name), methods_(methods) {}

  std::vector<ZipEntry> parse() {
    const Directory directory = find_directory();
    std::vector<Located> entries;
    std::uint64_t at = directory.begin;
    for (std::uint64_t i = 0; i < directory.num_entries; ++i)
      entries.push_back(read_directory_entry(at, directory));
    if (at != directory.end) {
      fail_file("its directory is ", directory.end - at, " bytes longer than its ",
                directory.num_entries, " entries");
    }
    refuse_overlaps(entries);
    std::vector<ZipEntry> result;
    for (const Located& located : entries) result.push_back(located.entry);
    refuse_duplicates(result);
    return result;
  }

 private:
  struct Directory {
    std::uint64_t begin, end, num_entries;
  };
  struct Located {
    ZipEntry entry;
    std::uint64_t begin, end;  ///< of local header and data
  };

  template <class... Parts>
  [[noreturn]] void fail_file(const Parts&... parts) const {
    fail(ErrorCode::corrupt, file_name_, ": bad zip archive: ", parts...);
  }

  /// The number at `offset`, which the caller has checked to be inside the file.
  template <class T>
  T number(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }
  bool holds(std::uint64_t offset, std::uint64_t size) const {
    return offset <= file_.size() && size <= file_.size() - offset;
  }

  /// The end record is the last thing in the file, but for a comment of the length that it states.
  std::uint64_t find_end() const {
    if (file_.size() < kEndSize) fail_file("it is only ", file_.size(), " bytes long");
    const std::uint64_t last = file_.size() - kEndSize;
    const std::uint64_t first = last > kMaxCommentSize ? last - kMaxCommentSize : 0;
    for (std::uint64_t at = last + 1; at-- > first;) {
      if (number<std::uint32_t>(at) == kEnd &&
          number<std::uint16_t>(at + 20) == file_.size() - at - kEndSize)
        return at;
    }
    fail_file("it has no end record: the file is truncated");
  }

  Directory find_directory() const {
    const std::uint64_t end = find_end();
    const auto disk = number<std::uint16_t>(end + 4);
    const auto directory_disk = number<std::uint16_t>(end + 6);
    std::uint64_t num_here = number<std::uint16_t>(end + 8);
    std::uint64_t num_entries = number<std::uint16_t>(end + 10);
    std::uint64_t size = number<std::uint32_t>(end + 12);
    std::uint64_t begin = number<std::uint32_t>(end + 16);
    std::uint64_t directory_end = end;
    const bool has_zip64 = end >= kZip64LocatorSize + kZip64EndSize &&
                           number<std::uint32_t>(end - kZip64LocatorSize) == kZip64Locator;
    if (has_zip64) {
      const std::uint64_t locator = end - kZip64LocatorSize;
      const auto record = number<std::uint64_t>(locator + 8);
      if (!holds(record, kZip64EndSize) || number<std::uint32_t>(record) != kZip64End ||
          number<std::uint64_t>(record + 4) != kZip64EndSize - 12 ||
          record + kZip64EndSize != locator)
        fail_file("its zip64 end record is not where it should be");
      if (number<std::uint32_t>(locator + 4) != 0 || number<std::uint32_t>(locator + 16) > 1 ||
          number<std::uint32_t>(record + 16) != 0 || number<std::uint32_t>(record + 20) != 0)
        fail_file("it has several volumes");
      // Each number stands in both records, unless the old one leaves it to the new one.
      const auto take = [&](std::uint64_t& value, std::uint64_t in_zip64, std::uint64_t left_out) {
        if (value != left_out && value != in_zip64) fail_file("its two end records contradict");
        value = in_zip64;
      };
      take(num_here, number<std::uint64_t>(record + 24), kInZip64Short);
      take(num_entries, number<std::uint64_t>(record + 32), kInZip64Short);
      take(size, number<std::uint64_t>(record + 40), kInZip64);
      take(begin, number<std::uint64_t>(record + 48), kInZip64);
      directory_end = record;
    }
    if (disk != 0 || directory_disk != 0 || num_here != num_entries)
      fail_file("it has several volumes");
    if (begin > directory_end || size != directory_end - begin)
      fail_file("its directory is said to lie at ", begin, " and to have ", size,
                " bytes, but it must end at ", directory_end);
    if (num_entries > kMaxEntries || num_entries > size / kDirectoryHeaderSize)
      fail_file("it cannot have ", num_entries, " entries");
    return {.begin = begin, .end = directory_end, .num_entries = num_entries};
  }

  /// Sizes and place of an entry, of which those that say kInZip64 stand in the extra field.
  struct Sizes {
    std::uint64_t size, stored_size, begin;
  };

  void read_zip64_field(std::uint64_t extra, std::uint64_t extra_size, Sizes& sizes,
                        std::string_view name) const {
    const std::uint64_t end = extra + extra_size;
    while (end - extra >= 4) {
      const auto id = number<std::uint16_t>(extra);
      const std::uint64_t field_size = number<std::uint16_t>(extra + 2);
      extra += 4;
      if (field_size > end - extra) break;
      if (id == kZip64Field) {
        std::uint64_t at = extra;
        for (std::uint64_t* value : {&sizes.size, &sizes.stored_size, &sizes.begin}) {
          if (*value != kInZip64) continue;
          if (extra + field_size - at < 8)
            fail_file("the zip64 field of ", display_name(name), " is too short");
          *value = number<std::uint64_t>(at);
          at += 8;
        }
        return;
      }
      extra += field_size;
    }
  }

  void check_name(std::string_view name) const {
    const auto refuse = [&](const char* reason) {
      fail_file("the entry name ", display_name(name), " ", reason);
    };
    if (name.empty()) refuse("is empty");
    if (name.size() > kMaxNameBytes) refuse("is too long");
    if (name.front() == '/') refuse("is absolute");
    for (const char c : name)
      if (static_cast<unsigned char>(c) < 0x20 || c == '\\')
        refuse("holds control characters or backslashes");
    const std::string slashed = concat('/', name, '/');
    if (slashed.find("/../") != std::string::npos) refuse("leads out of the archive");
  }

  /// Moves `at` past the entry.
  Located read_directory_entry(std::uint64_t& at, const Directory& directory) const {
    if (directory.end - at < kDirectoryHeaderSize || number<std::uint32_t>(at) != kDirectoryHeader)
      fail_file("its directory is damaged at byte ", at);
    const auto system = number<std::uint16_t>(at + 4) >> 8;
    const auto flags = number<std::uint16_t>(at + 8);
    const auto method = number<std::uint16_t>(at + 10);
    const auto crc32 = number<std::uint32_t>(at + 16);
    Sizes sizes{.size = number<std::uint32_t>(at + 24),
                .stored_size = number<std::uint32_t>(at + 20),
                .begin = number<std::uint32_t>(at + 42)};
    const std::uint64_t name_size = number<std::uint16_t>(at + 28);
    const std::uint64_t extra_size = number<std::uint16_t>(at + 30);
    const std::uint64_t comment_size = number<std::uint16_t>(at + 32);
    const auto disk = number<std::uint16_t>(at + 34);
    const auto attributes = number<std::uint32_t>(at + 38);
    at += kDirectoryHeaderSize;
    if (name_size + extra_size + comment_size > directory.end - at)
      fail_file("its directory is damaged at byte ", at);
    const std::string_view name = text(at, name_size);
    check_name(name);
    read_zip64_field(at + name_size, extra_size, sizes, name);
    at += name_size + extra_size + comment_size;

    const std::string shown = display_name(name);
    if (disk != 0) fail_file("entry ", shown, " is said to be on another volume");
    if ((flags & kEncrypted) != 0) fail_file("entry ", shown, " is encrypted");
    const bool deflated = method == kDeflated && methods_ == ZipMethods::stored_or_deflated;
    if (method != 0 && !deflated) {
      fail_file("entry ", shown, " is compressed (method ", method,
                methods_ == ZipMethods::stored
                    ? "), which torch.save never does: this is no file of PyTorch"
                    : "); only deflated entries (method 8) are read, as NumPy writes them");
    }
    if (!deflated && sizes.size != sizes.stored_size)
      fail_file("entry ", shown, " has ", sizes.stored_size, " bytes but claims ", sizes.size);
    constexpr std::uint32_t kUnix = 3, kTypeMask = 0170000, kLink = 0120000;
    if (system == kUnix && (attributes >> 16 & kTypeMask) == kLink)
      fail_file("entry ", shown, " is a symbolic link");
    return locate({.name = name,
                   .bytes = {},
                   .crc32 = crc32,
                   .method = deflated ? ZipMethod::deflated : ZipMethod::stored,
                   .size = sizes.size},
                  sizes, flags, directory);
  }

  /// Follows the directory to the local header, which must say the same.
  Located locate(ZipEntry entry, const Sizes& sizes, std::uint16_t flags,
                 const Directory& directory) const {
    const std::string shown = display_name(entry.name);
    if (sizes.begin > directory.begin || directory.begin - sizes.begin < kLocalHeaderSize ||
        number<std::uint32_t>(sizes.begin) != kLocalHeader)
      fail_file("entry ", shown, " is not at byte ", sizes.begin, ", where the directory says");
    const std::uint64_t header = sizes.begin;
    const std::uint64_t name_size = number<std::uint16_t>(header + 26);
    const std::uint64_t extra_size = number<std::uint16_t>(header + 28);
    const std::uint64_t data = header + kLocalHeaderSize + name_size + extra_size;
    if (data > directory.begin || sizes.stored_size > directory.begin - data)
      fail_file("entry ", shown, " reaches beyond the directory: ", sizes.stored_size,
                " bytes are too many");
    const auto local_flags = number<std::uint16_t>(header + 6);
    Sizes local{.size = number<std::uint32_t>(header + 22),
                .stored_size = number<std::uint32_t>(header + 18),
                .begin = 0};
    read_zip64_field(header + kLocalHeaderSize + name_size, extra_size, local, entry.name);
    const bool same_sizes = local.size == sizes.size && local.stored_size == sizes.stored_size &&
                            number<std::uint32_t>(header + 14) == entry.crc32;
    const std::uint16_t method = entry.method == ZipMethod::deflated ? kDeflated : 0;
    if (local_flags != flags || number<std::uint16_t>(header + 8) != method ||
        text(header + kLocalHeaderSize, name_size) != entry.name ||
        (!same_sizes && (flags & kSizesFollowData) == 0))
      fail_file("entry ", shown, " contradicts the directory");
    entry.bytes = file_.subspan(data, sizes.stored_size);
    return {.entry = entry, .begin = header, .end = data + sizes.stored_size};
  }

  std::string_view text(std::uint64_t offset, std::uint64_t size) const {
    return {reinterpret_cast<const char*>(file_.data()) + offset, size};
  }

  void refuse_overlaps(std::vector<Located> entries) const {
    std::ranges::sort(entries, {}, &Located::begin);
    for (std::size_t i = 1; i < entries.size(); ++i) {
      if (entries[i].begin < entries[i - 1].end)
        fail_file("entries ", display_name(entries[i - 1].entry.name), " and ",
                  display_name(entries[i].entry.name), " overlap");
    }
  }

  void refuse_duplicates(const std::vector<ZipEntry>& entries) const {
    std::vector<std::string_view> names;
    for (const ZipEntry& entry : entries) names.push_back(entry.name);
    std::ranges::sort(names);
    const auto twin = std::ranges::adjacent_find(names);
    if (twin != names.end()) fail_file("there are two entries ", display_name(*twin));
  }

  std::span<const std::byte> file_;
  const std::string& file_name_;
  ZipMethods methods_;
};

}  // namespace

bool looks_like_zip(std::span<const std::byte> file) {
  std::uint32_t start = 0;
  if (file.size() < sizeof start) return false;
  std::memcpy(&start, file.data(), sizeof start);
  return start == kLocalHeader;
}

std::vector<ZipEntry> parse_zip(std::span<const std::byte> file, const std::string& file_name,
                                ZipMethods methods) {
  return ZipParser(file, file_name, methods).parse();
}

std::string inflated(const ZipEntry& entry, const std::string& file_name) {
  const auto damaged = [&](const auto&... reason) {
    fail(ErrorCode::corrupt, file_name, ": bad zip archive: entry ", display_name(entry.name), " ",
         reason...);
  };
  constexpr std::uint64_t kMaxRatio = 1032;  // of deflate
  if (entry.size / kMaxRatio > entry.bytes.size())
    damaged("has ", entry.bytes.size(), " bytes, which cannot unpack to ", entry.size);
  z_stream stream{};
  constexpr int kRawDeflate = -15;
  if (inflateInit2(&stream, kRawDeflate) != Z_OK)
    fail(ErrorCode::io, file_name, ": zlib has no memory");
  struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } end{&stream};
  std::string text(entry.size, '\0');
  // zlib counts in 32 bits.
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  std::size_t taken = 0, made = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    const std::size_t in = std::min(kPiece, entry.bytes.size() - taken);
    const std::size_t out = std::min(kPiece, text.size() - made);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(entry.bytes.data() + taken));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + made);
    stream.avail_out = static_cast<uInt>(out);
    status = inflate(&stream, Z_NO_FLUSH);
    taken += in - stream.avail_in;
    made += out - stream.avail_out;
  }
  if (status == Z_DATA_ERROR || status == Z_NEED_DICT) damaged("is damaged");
  if (status == Z_MEM_ERROR) fail(ErrorCode::io, file_name, ": zlib has no memory");
  if (status != Z_STREAM_END || taken != entry.bytes.size() || made != text.size())
    damaged("does not unpack to ", text.size(), " bytes, as the directory says");
  require_stated_crc32(entry, std::as_bytes(std::span(text)), file_name);
  return text;
}

void require_stated_crc32(const ZipEntry& entry, std::span<const std::byte> unpacked,
                          const std::string& file_name) {
  if (crc32_of(unpacked) != entry.crc32)
    fail(ErrorCode::corrupt, file_name, ": bad zip archive: entry ", display_name(entry.name),
         " is damaged (its CRC-32 is not as stated)");
}

}  // namespace ddim::engine::io
