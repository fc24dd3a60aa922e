#include <ddim/animation.h>

#include <algorithm>

#include "api/io_image.h"
#include "api/overwrite.h"
#include "base/error.h"
#include "io/webp.h"

namespace ddim {

bool can_write_animations() noexcept { return io::has_webp(); }

void write_animation(const std::filesystem::path& path, std::span<const Image> frames,
                     const AnimationOptions& options) {
  std::vector<io::Image> pictures;
  std::ranges::transform(frames, std::back_inserter(pictures), to_io);
  const std::vector<std::byte> bytes = io::encode_webp_animation(pictures, options.frame_ms);
  write_file_durably(path, std::span<const std::byte>(bytes), existing_of(options.overwrite));
}

}  // namespace ddim
