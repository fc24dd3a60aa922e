#include "base/error.h"
#include "io/webp.h"

namespace ddim::engine::io {

bool has_webp() noexcept { return false; }

std::vector<std::byte> encode_webp_animation(std::span<const Image>, int) {
  fail(ErrorCode::user,
       "animation: this build cannot write WebP; install libwebp (Debian, Ubuntu: apt-get install "
       "libwebp-dev) and build again");
}

}  // namespace ddim::engine::io
