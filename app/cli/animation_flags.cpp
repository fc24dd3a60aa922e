#include "animation_flags.h"

#include <ddim/error.h>
#include <fmt/core.h>

namespace ddim::cli {

void AnimationFlags::add_to(Command command, const std::string& description) {
  const Option animation =
      command.add_option("--animation", file_, description).type_name("NAME.webp");
  command
      .add_option("--frame-ms", frame_ms_,
                  "Duration of each picture of the animation in milliseconds")
      .within(10, 10'000)
      .needs(animation)
      .show_default();
}

void AnimationFlags::add_to(Files& files) const { files.writes("--animation", file_, {".webp"}); }

void AnimationFlags::check() const {
  if (!given() || can_write_animations()) return;
  throw Error(ErrorCode::user,
              "--animation: this build cannot write WebP; install libwebp (Debian: "
              "apt-get install libwebp-dev) and build again, or leave out --animation");
}

void AnimationFlags::check(const PictureShape& shape) const {
  if (!given() || shape.channels <= 4) return;
  throw Error(ErrorCode::user,
              fmt::format("--animation: a WebP holds 1 to 4 channels, but this model's pictures "
                          "have {}; leave --animation out",
                          shape.channels));
}

void AnimationFlags::write(std::span<const Image> frames, Overwrite overwrite) const {
  write_animation(file_, frames, {.frame_ms = frame_ms_, .overwrite = overwrite});
}

}  // namespace ddim::cli
