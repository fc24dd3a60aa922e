#include "data/labels.h"

#include "base/error.h"

namespace ddim::engine::data {

std::vector<std::int64_t> parse_idx_labels(std::span<const std::uint8_t> bytes,
                                           std::string_view name) {
  constexpr std::size_t kHeaderBytes = 8;
  if (bytes.size() < kHeaderBytes)
    fail(ErrorCode::corrupt, name, ": an idx file of labels starts with ", kHeaderBytes,
         " bytes of header, found ", bytes.size(), " bytes");
  if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || bytes[3] != 1)
    fail(ErrorCode::corrupt, name, ": the first four bytes must be 0 0 8 1 (bytes, 1 axis), found ",
         int{bytes[0]}, " ", int{bytes[1]}, " ", int{bytes[2]}, " ", int{bytes[3]});
  std::uint64_t count = 0;
  for (const std::uint8_t byte : bytes.subspan(4, 4)) count = count << 8 | byte;
  const std::span<const std::uint8_t> body = bytes.subspan(kHeaderBytes);
  if (body.size() != count)
    fail(ErrorCode::corrupt, name, ": the header announces ", count, " labels, found ", body.size(),
         "; the file is incomplete or damaged");
  return {body.begin(), body.end()};
}

}  // namespace ddim::engine::data
