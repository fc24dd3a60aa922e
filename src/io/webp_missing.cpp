#include "base/error.h"
#include "io/webp.h"

namespace ddim::engine::io {

bool has_webp() noexcept { return false; }

Picture decode_webp(std::span<const std::byte>, const std::string& file_name, const PixelBudget&) {
  fail(ErrorCode::user, file_name, ": this build cannot read WebP; it needs libwebp");
}

std::vector<std::byte> encode_webp_animation(std::span<const Image>, int) {
  fail(ErrorCode::user,
       "animation: this build cannot write WebP; install libwebp (Debian: apt-get install "
       "libwebp-dev) and build again");
}

}  // namespace ddim::engine::io
