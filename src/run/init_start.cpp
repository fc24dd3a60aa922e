#include "run/init_start.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "run/encode.h"
#include "run/run_images.h"

namespace ddim::engine::run {
namespace {

/// The one picture `count` times, or all of them.
std::vector<float> repeat(const FloatImages& images, std::int64_t count) {
  if (images.count == count) return images.values;
  std::vector<float> all;
  for (std::int64_t k = 0; k < count; ++k)
    all.insert(all.end(), images.values.begin(), images.values.end());
  return all;
}

/// How black each pixel is: 1 where the mean over the mask's channels is black, 0 where it is
/// white.
std::vector<double> blackness(const FloatImages& mask) {
  const auto channels = static_cast<std::size_t>(mask.shape.channels);
  std::vector<double> sums(mask.values.size() / channels);
  for (std::size_t i = 0; i < mask.values.size(); ++i) sums[i / channels] += mask.values[i];
  std::ranges::transform(sums, sums.begin(), [&](double sum) {
    return std::clamp((1.0 - sum / static_cast<double>(channels)) / 2.0, 0.0, 1.0);
  });
  return sums;
}

/// How much of each pixel is kept. A sixteenth at both ends counts as black and white: lossy files
/// are not exact.
std::vector<double> kept_pixels(const FloatImages& mask) {
  constexpr double kEnd = 1.0 / 16.0;
  std::vector<double> kept = blackness(mask);
  std::ranges::transform(kept, kept.begin(), [](double black) {
    return std::clamp((black - kEnd) / (1.0 - 2.0 * kEnd), 0.0, 1.0);
  });
  return kept;
}

}  // namespace

void check_mask(std::span<const std::uint8_t> levels, const std::string& name,
                const std::string& note) {
  constexpr int kNearBlack = 16, kNearWhite = 239;
  const std::set<int> values(levels.begin(), levels.end());
  const int smallest = *values.begin(), largest = *values.rbegin();
  const std::string found =
      values.size() == 1
          ? concat("all its values are ", smallest)
          : concat("it has ", values.size(), " different values, from ", smallest, " to ", largest);
  require(largest > kNearBlack, name, " selects nothing: ", found, ", which is black", note,
          "; the part to be drawn must be white (255)");
  require(smallest < kNearWhite, name, " selects everything: ", found, ", which is white", note,
          "; the part to be kept must be black (0)");
}

void check_mask(const FloatImages& mask, const std::string& name) {
  std::vector<std::uint8_t> levels;
  for (const double black : blackness(mask))
    levels.push_back(static_cast<std::uint8_t>(std::lround((1.0 - black) * 255.0)));
  check_mask(levels, name, " (0 stands for -1, 255 for 1)");
}

void check_init(const Network& network, const SampleOptions& options) {
  const InitImage& init = *options.init;
  require(init.images.count == 1 || init.images.count == options.count,
          "init image: ", init.images.count, " pictures for ", options.count,
          " to draw; expected one, or as many");
  check_images(network, init.images.count, init.images, "init image");
  if (!init.mask) return;
  const PictureShape& shape = init.mask->shape;
  require(init.mask->count == 1 && shape.height == network.shape().height &&
              shape.width == network.shape().width,
          "mask: ", init.mask->count, init.mask->count == 1 ? " picture of " : " pictures of ",
          shape.width, "x", shape.height, "; expected one of ", network.shape().width, "x",
          network.shape().height, " (width, height)");
  require(shape.channels >= 1, "mask: its pixels have no numbers; expected one channel or more");
  check_values(*init.mask, "mask");
  check_mask(*init.mask, "mask");
}

InitStart make_init_start(const TrainedNetwork& model, const Plan& plan,
                          const SampleOptions& options) {
  check_init(*model.network, options);
  const InitImage& init = *options.init;
  InitStart start{.pictures = repeat(init.images, options.count)};
  if (init.mask) start.kept = kept_pixels(*init.mask);
  if (init.by == InitBy::noise) return start;
  const FloatImages pictures{
      .count = options.count, .shape = init.images.shape, .values = start.pictures};
  RunOptions quiet = options.run;  // the display is for the drawing that follows
  quiet.show_progress = ShowProgress::no;
  quiet.progress = {};
  start.x_T = encode(model, pictures,
                     {.plan = {.steps = plan.options.steps,
                               .tau = plan.options.tau,
                               .steps_offset = plan.options.steps_offset,
                               .strength = plan.options.strength},
                      .class_choice = options.class_choice,
                      .run = quiet},
                     static_cast<std::uint32_t>(options.first_image))
                  .x_T.values;
  return start;
}

}  // namespace ddim::engine::run
