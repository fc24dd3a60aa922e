#include "init_flags.h"

#include <ddim/error.h>

namespace ddim::cli {
namespace {

constexpr double kStrength = 0.8;
constexpr double kStrengthWithMask = 1.0;

}  // namespace

void InitFlags::add_to(Command command) {
  command
      .add_option("--init-image", images_,
                  "Start from this picture instead of from noise; several make a picture each")
      .type_name("FILE");
  command.add_option("--strength", strength_,
                     "With --init-image: take the last so many of the steps, 0 to 1; the less, the "
                     "more stays of the picture. Default: 0.8, with --mask 1");
  by_.add_to(command, "--init-by",
             "With --init-image: noise (added to it, from the seed), or encoding (the noise that "
             "the picture is drawn from)");
  command
      .add_option("--mask", mask_,
                  "With --init-image: draw only what is white in this picture, to fit the rest")
      .type_name("FILE");
  resize_.add_to(command);
}

std::optional<InitImage> InitFlags::load(const Model& model) const {
  if (images_.empty()) {
    if (strength_) throw Error(ErrorCode::user, "--strength needs --init-image");
    if (!mask_.empty()) throw Error(ErrorCode::user, "--mask needs --init-image");
    return std::nullopt;
  }
  InitImage init{.images = load_pictures(model, images_, resize_.value()), .by = by_.value()};
  if (!mask_.empty()) init.mask = load_pictures(model, {mask_}, resize_.value());
  init.strength = strength_.value_or(init.mask ? kStrengthWithMask : kStrength);
  return init;
}

}  // namespace ddim::cli
