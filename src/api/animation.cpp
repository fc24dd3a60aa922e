#include <ddim/animation.h>

#include "base/file_output.h"
#include "io/webp.h"

namespace ddim {

using namespace engine;

bool can_write_animations() noexcept { return io::has_webp(); }

void write_animation(const std::filesystem::path& path, std::span<const Image> frames,
                     const AnimationOptions& options) {
  const std::vector<std::byte> bytes = io::encode_webp_animation(frames, options.frame_ms);
  write_file_durably(path, std::span<const std::byte>(bytes), options.overwrite);
}

}  // namespace ddim
