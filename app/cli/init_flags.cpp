#include "init_flags.h"

#include "data_flags.h"

namespace ddim::cli {

Option InitFlags::add_to(Command command) {
  const Option image =
      command
          .add_option(
              "--init-image", images_,
              "Start from this picture instead of noise; with several files, one result for "
              "each")
          .type_name("FILE");
  command
      .add_option("--strength", strength_,
                  "With --init-image: fraction of the steps to run (0 to 1); lower values keep "
                  "more of the picture. Default: 0.8, or 1 with --mask and with --sampler adaptive")
      .above(0)
      .at_most(1)
      .needs(image);
  by_.add_to(command, "--init-by",
             "With --init-image, how to start: noise (add noise from the seed) or encoding (encode "
             "the picture)")
      .needs(image);
  command
      .add_option("--mask", mask_,
                  "With --init-image: redraw only the white area of this mask; what is "
                  "transparent in it counts as black, grey is mixed")
      .type_name("FILE")
      .needs(image);
  resize_.add_to(command).needs(image);
  return image;
}

void InitFlags::add_to(Files& files) const {
  for (const std::filesystem::path& image : images_) files.reads(image);
  files.reads(mask_);
}

double InitFlags::strength(Sampler sampler) const {
  return given() ? strength_.value_or(usual_strength(!mask_.empty(), sampler)) : 1.0;
}

std::optional<InitImage> InitFlags::load(const Model& model) const {
  if (!given()) return std::nullopt;
  InitImage init{.images = load_pictures(model, images_, resize_.value(), telling_notices()),
                 .by = by_.value()};
  for (const std::filesystem::path& image : images_)
    init.origin.images.push_back(image.filename().string());
  init.origin.mask = mask_.filename().string();
  init.origin.fit = resize_.value();
  if (!mask_.empty()) init.mask = load_mask(model, mask_, resize_.value());
  return init;
}

}  // namespace ddim::cli
