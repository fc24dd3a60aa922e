#include "base/error.h"
#include "io/gif.h"

namespace ddim::engine::io {

bool has_gif() noexcept { return false; }

Picture decode_gif(std::span<const std::byte>, const std::string& file_name, const PixelBudget&) {
  fail(ErrorCode::user, file_name, ": this build cannot read GIF; it needs giflib");
}

}  // namespace ddim::engine::io
