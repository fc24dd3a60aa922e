#include "hub/checksum.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/sha1.h"
#include "base/sha256.h"
#include "hub/repository.h"

namespace ddim::engine::hub {
namespace {

constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kSha1Digits = 40;

}  // namespace

bool is_checksum(const std::string& etag) {
  return (etag.size() == kSha256Digits || etag.size() == kSha1Digits) && is_hexadecimal(etag);
}

bool has_content(const std::filesystem::path& file, const std::string& etag) {
  if (etag.size() == kSha256Digits) return sha256_hex_of_file(file) == etag;
  // Git hashes "blob 123\0" before a file of 123 bytes.
  Sha1 hash;
  std::string header = concat("blob ", std::filesystem::file_size(file));
  header.push_back('\0');
  hash.update(std::as_bytes(std::span(header)));
  read_pieces(file, [&](std::span<const std::byte> bytes) { hash.update(bytes); });
  return hash.finish_hex() == etag;
}

}  // namespace ddim::engine::hub
