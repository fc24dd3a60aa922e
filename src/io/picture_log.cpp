#include "io/picture_log.h"

#include <ddim/json.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "io/digests.h"
#include "io/json_fields.h"

namespace ddim::engine::io {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "numbers in the file are little-endian");

constexpr std::string_view kMagic = "ddim pictures 1\n";
constexpr std::uint64_t kMaxLogHeaderBytes = std::uint64_t{1} << 20;
constexpr std::size_t kPiece = std::size_t{1} << 20;

struct RecordHeader {
  std::uint64_t first;
  std::uint64_t count;
  std::uint32_t crc;  ///< of the two numbers and the pictures
  std::uint32_t zero = 0;
};
static_assert(sizeof(RecordHeader) == 24);

std::uint32_t crc_of_range(const RecordHeader& header) {
  return crc32_of(std::as_bytes(std::span(&header, 1)).first(16));
}

std::string header_text(const PictureLog::Header& header) {
  const Json json{{"count", header.count},
                  {"picture_bytes", header.picture_bytes},
                  {"settings", header.settings}};
  return json.text({.ascii = true});
}

PictureLog::Header parse_header(const std::string& text, const std::string& file_name) {
  PictureLog::Header header;
  std::int64_t picture_bytes = 0;
  constexpr JsonFields::Range<std::int64_t> kRange{1, std::int64_t{1} << 40};
  try {
    JsonFields fields(text, file_name);
    fields.read_required({"count"}, header.count, kRange);
    fields.read_required({"picture_bytes"}, picture_bytes, kRange);
    fields.read_required({"settings"}, header.settings);
  } catch (const Error&) {
    fail(ErrorCode::corrupt, file_name, ": its header is damaged; remove the file to begin again");
  }
  header.picture_bytes = static_cast<std::uint64_t>(picture_bytes);
  return header;
}

/// Bytes from `offset` on, fewer only at the end of the file; -1 as the system call.
std::int64_t read_at(int descriptor, std::uint64_t offset, std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = uninterrupted([&] {
      return ::pread(descriptor, out.data() + done, out.size() - done,
                     static_cast<off_t>(offset + done));
    });
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return static_cast<std::int64_t>(done);
}

}  // namespace

std::vector<PictureRange> gaps_between(std::vector<PictureRange> ranges, std::int64_t count) {
  std::ranges::sort(ranges, {}, &PictureRange::first);
  std::vector<PictureRange> gaps;
  std::int64_t next = 0;
  for (const PictureRange& range : ranges) {
    if (range.first > next) gaps.push_back({next, range.first - next});
    next = std::max(next, range.first + range.count);
  }
  if (next < count) gaps.push_back({next, count - next});
  return gaps;
}

PictureLog::PictureLog(fs::path path, int descriptor, FileSystem& file_system)
    : path_(std::move(path)), descriptor_(descriptor), file_system_(&file_system) {}

PictureLog::PictureLog(PictureLog&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      file_system_(other.file_system_),
      header_(std::move(other.header_)),
      end_(other.end_),
      num_done_(other.num_done_),
      records_(std::move(other.records_)) {}

PictureLog::~PictureLog() {
  if (descriptor_ >= 0) file_system_->close(descriptor_);
}

void PictureLog::fail_call(const char* call) const {
  fail(ErrorCode::io, path_.string(), ": ", std::system_category().message(errno), " (", call, ")");
}

void PictureLog::lock() const {
  if (file_system_->flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  require(errno != EWOULDBLOCK, path_.string(),
          ": another process is adding pictures to this file");
  fail_call("locking");
}

PictureLog PictureLog::create(const fs::path& path, const Header& header, FileSystem& file_system) {
  const std::string json = header_text(header);
  std::array<char, 8> size{};
  const std::uint64_t json_size = json.size();
  std::memcpy(size.data(), &json_size, sizeof json_size);
  std::string text(kMagic);
  text.append(size.data(), size.size());
  text += json;
  // The file appears with its header: a process that is killed leaves no half of it.
  write_file(path, text, Overwrite::refuse, Durability::later, file_system);
  return open(path, file_system);
}

PictureLog PictureLog::open(const fs::path& path, FileSystem& file_system) {
  PictureLog log(path, file_system.open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC, 0),
                 file_system);
  if (log.descriptor_ < 0) log.fail_call("opening");
  log.lock();
  log.read_records();
  const auto cut = [&] { return ::ftruncate(log.descriptor_, static_cast<off_t>(log.end_)); };
  if (uninterrupted(cut) != 0) log.fail_call("cutting off");
  return log;
}

PictureLog PictureLog::open_to_read(const fs::path& path, FileSystem& file_system) {
  PictureLog log(path, file_system.open(path.c_str(), O_RDONLY | O_CLOEXEC, 0), file_system);
  if (log.descriptor_ < 0) log.fail_call("opening");
  log.read_records();
  return log;
}

void PictureLog::read_records() {
  const auto get = [this](std::uint64_t offset, std::span<std::byte> out) {
    const std::int64_t size = read_at(descriptor_, offset, out);
    if (size < 0) fail_call("reading");
    return static_cast<std::size_t>(size) == out.size();
  };
  std::array<char, kMagic.size() + 8> start{};
  std::uint64_t header_bytes = 0;
  const bool is_log = get(0, std::as_writable_bytes(std::span(start))) &&
                      std::string_view(start.data(), kMagic.size()) == kMagic;
  if (is_log) std::memcpy(&header_bytes, start.data() + kMagic.size(), sizeof header_bytes);
  if (!is_log || header_bytes > kMaxLogHeaderBytes)
    fail(ErrorCode::corrupt, path_.string(), ": does not hold pictures of an unfinished run");
  std::string text(header_bytes, '\0');
  if (!get(start.size(), std::as_writable_bytes(std::span(text)))) text.clear();
  header_ = parse_header(text, path_.string());
  end_ = start.size() + header_bytes;

  std::vector<std::byte> piece(std::max<std::size_t>(kPiece, 1));
  const auto count = static_cast<std::uint64_t>(header_.count);
  for (;;) {
    RecordHeader record{};
    if (!get(end_, std::as_writable_bytes(std::span(&record, 1)))) break;
    if (record.count < 1 || record.first >= count || record.count > count - record.first) break;
    const std::uint64_t begin = end_ + sizeof record;
    const std::uint64_t size = record.count * header_.picture_bytes;
    std::uint32_t crc = crc_of_range(record);
    bool complete = true;
    for (std::uint64_t done = 0; complete && done < size; done += kPiece) {
      const auto part = std::span(piece).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - done)));
      complete = get(begin + done, part);
      if (complete) crc = crc32_of(part, crc);
    }
    if (!complete || crc != record.crc) break;
    note({.range = {.first = static_cast<std::int64_t>(record.first),
                    .count = static_cast<std::int64_t>(record.count)},
          .offset = begin});
    end_ = begin + size;
  }
}

void PictureLog::note(const Record& record) {
  const auto at = std::ranges::upper_bound(records_, record.range.first, {},
                                           [](const Record& each) { return each.range.first; });
  if (missing_in(record.range) != std::vector{record.range})
    fail(ErrorCode::corrupt, path_.string(), ": picture ", record.range.first,
         " is in it twice; remove the file to begin again");
  records_.insert(at, record);
  num_done_ += record.range.count;
}

std::vector<PictureRange> PictureLog::missing_in(PictureRange range) const {
  auto record = std::ranges::upper_bound(records_, range.first, {},
                                         [](const Record& each) { return each.range.first; });
  if (record != records_.begin()) --record;
  std::vector<PictureRange> done;  // counted from range.first
  for (; record != records_.end() && record->range.first < range.first + range.count; ++record) {
    const std::int64_t begin = std::max(record->range.first, range.first);
    const std::int64_t end =
        std::min(record->range.first + record->range.count, range.first + range.count);
    if (begin < end) done.push_back({begin - range.first, end - begin});
  }
  std::vector<PictureRange> gaps = gaps_between(std::move(done), range.count);
  for (PictureRange& gap : gaps) gap.first += range.first;
  return gaps;
}

void PictureLog::write(std::span<const std::byte> bytes) {
  const std::size_t written = write_all(*file_system_, descriptor_, bytes);
  end_ += written;
  if (written < bytes.size()) fail_call("writing");
}

void PictureLog::add(std::int64_t first, std::span<const std::byte> pictures) {
  ensure(first >= 0 && !pictures.empty() && pictures.size() % header_.picture_bytes == 0,
         "PictureLog: ", pictures.size(), " bytes from picture ", first);
  const auto count = static_cast<std::int64_t>(pictures.size() / header_.picture_bytes);
  ensure(first + count <= header_.count, "PictureLog: pictures beyond the last");
  ensure(missing_in({first, count}) == std::vector{PictureRange{first, count}},
         "PictureLog: some of ", count, " pictures from ", first, " are there already");
  RecordHeader record{.first = static_cast<std::uint64_t>(first),
                      .count = static_cast<std::uint64_t>(count),
                      .crc = 0};
  record.crc = crc32_of(pictures, crc_of_range(record));
  const std::uint64_t offset = end_ + sizeof record;
  write(std::as_bytes(std::span(&record, 1)));
  write(pictures);
  note({.range = {.first = first, .count = count}, .offset = offset});
}

void PictureLog::sync() {
  if (file_system_->fsync(descriptor_) != 0) fail_call("fsync");
}

void PictureLog::move_to(const fs::path& path) {
  sync();
  if (file_system_->rename(path_.c_str(), path.c_str()) != 0) fail_call("renaming");
  path_ = path;
  sync_folder(path_.parent_path(), *file_system_);
}

void PictureLog::read(PictureRange range, const ByteSink& sink) const {
  const std::uint64_t size = header_.picture_bytes;
  const auto at_once = static_cast<std::int64_t>(std::max<std::uint64_t>(kPiece / size, 1));
  std::vector<std::byte> piece;
  auto record = std::ranges::upper_bound(records_, range.first, {},
                                         [](const Record& each) { return each.range.first; });
  ensure(record != records_.begin(), "PictureLog: picture ", range.first, " is missing");
  --record;
  std::int64_t next = range.first;
  const std::int64_t end = range.first + range.count;
  while (next < end) {
    ensure(record != records_.end() && next >= record->range.first &&
               next < record->range.first + record->range.count,
           "PictureLog: picture ", next, " is missing");
    const std::int64_t count =
        std::min({at_once, end - next, record->range.first + record->range.count - next});
    piece.resize(static_cast<std::size_t>(count) * size);
    const std::uint64_t offset =
        record->offset + static_cast<std::uint64_t>(next - record->range.first) * size;
    const std::int64_t got = read_at(descriptor_, offset, piece);
    if (got < 0) fail_call("reading");
    if (static_cast<std::size_t>(got) != piece.size())
      fail(ErrorCode::io, path_.string(), ": another process has shortened this file");
    sink(piece);
    next += count;
    if (next >= record->range.first + record->range.count) ++record;
  }
}

void PictureLog::remove() {
  if (file_system_->unlink(path_.c_str()) != 0) fail_call("removing");
}

}  // namespace ddim::engine::io
