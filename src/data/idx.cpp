#include "data/idx.h"

#include <ddim/counts.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace ddim::engine::data {
namespace {

constexpr std::size_t kHeaderBytes = 16;
constexpr std::uint32_t kMaxSide = 16384;

std::uint32_t big_endian_32(std::span<const std::uint8_t> bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
         (std::uint32_t{bytes[2]} << 8) | bytes[3];
}

/// Whether another gzip member follows.
bool goes_on(const z_stream& stream) {
  return stream.avail_in >= 2 && stream.next_in[0] == 0x1f && stream.next_in[1] == 0x8b;
}

}  // namespace

Images parse_idx(std::span<const std::uint8_t> bytes, std::string_view name) {
  if (bytes.size() < kHeaderBytes)
    fail(ErrorCode::corrupt, name, ": an idx file starts with ", kHeaderBytes,
         " bytes of header, found ", bytes.size(), " bytes");
  const std::uint32_t magic = big_endian_32(bytes);
  if (magic != 0x0803)
    fail(ErrorCode::corrupt, name, ": the first four bytes must be 0 0 8 3 (bytes, 3 axes), found ",
         int{bytes[0]}, " ", int{bytes[1]}, " ", int{bytes[2]}, " ", int{bytes[3]});
  const std::uint64_t count = big_endian_32(bytes.subspan(4));
  const std::uint64_t height = big_endian_32(bytes.subspan(8));
  const std::uint64_t width = big_endian_32(bytes.subspan(12));
  if (count == 0 || height == 0 || width == 0 || height > kMaxSide || width > kMaxSide)
    fail(ErrorCode::corrupt, name, ": the header asks for ", count, " images of ", width, "x",
         height, "; each must be at least 1, sides at most ", kMaxSide);
  const std::uint64_t expected = count * height * width;  // < 2^60
  const std::span<const std::uint8_t> body = bytes.subspan(kHeaderBytes);
  if (body.size() != expected)
    fail(ErrorCode::corrupt, name, ": ", count_of(static_cast<std::int64_t>(count), "images"),
         " of ", width, "x", height, count == 1 ? " is " : " are ", expected, " bytes, found ",
         body.size(), "; the file is incomplete or damaged");
  return {.count = static_cast<std::int64_t>(count),
          .height = static_cast<std::int64_t>(height),
          .width = static_cast<std::int64_t>(width),
          .channels = 1,
          .pixels = {body.begin(), body.end()}};
}

std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> bytes, std::size_t max_bytes,
                                 std::string_view name) {
  if (bytes.size() >= (std::size_t{1} << 32))
    fail(ErrorCode::corrupt, name, ": ", bytes.size(), " bytes are too many for a gzip file here");
  z_stream stream{};
  constexpr int kGzipOnly = 15 + 16;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) fail(ErrorCode::io, name, ": zlib has no memory");
  struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } end{&stream};

  stream.next_in = const_cast<Bytef*>(bytes.data());  // zlib does not write there
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::vector<std::uint8_t> result;
  std::array<std::uint8_t, 1 << 16> chunk;
  int status = Z_OK;
  while (status == Z_OK || (status == Z_STREAM_END && goes_on(stream))) {
    if (status == Z_STREAM_END) inflateReset(&stream);
    stream.next_out = chunk.data();
    stream.avail_out = static_cast<uInt>(chunk.size());
    status = inflate(&stream, Z_NO_FLUSH);
    const std::size_t produced = chunk.size() - stream.avail_out;
    if (produced > max_bytes - result.size())
      fail(ErrorCode::corrupt, name, ": unpacks to more than ", max_bytes, " bytes");
    result.insert(result.end(), chunk.begin(),
                  chunk.begin() + static_cast<std::ptrdiff_t>(produced));
  }
  if (status == Z_BUF_ERROR)
    fail(ErrorCode::corrupt, name, ": the gzip data ends too early, after ", bytes.size(),
         " bytes");
  if (status != Z_STREAM_END)
    fail(ErrorCode::corrupt, name, ": the gzip data is damaged (",
         stream.msg != nullptr ? stream.msg : "unknown zlib error", ")");
  const std::span<const std::uint8_t> rest = bytes.last(stream.avail_in);
  if (std::ranges::any_of(rest, [](std::uint8_t byte) { return byte != 0; }))
    fail(ErrorCode::corrupt, name, ": ", stream.avail_in, " bytes follow the gzip data");
  return result;
}

}  // namespace ddim::engine::data
