#include "base/error.h"
#include "io/tiff.h"

namespace ddim::engine::io {

bool has_tiff() noexcept { return false; }

Picture decode_tiff(std::span<const std::byte>, const std::string& file_name, const PixelBudget&) {
  fail(ErrorCode::user, file_name, ": this build cannot read TIFF; it needs libtiff");
}

}  // namespace ddim::engine::io
