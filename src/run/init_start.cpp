#include "run/init_start.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "run/encode.h"
#include "run/mask.h"
#include "run/run_images.h"

namespace ddim::engine::run {
namespace {

/// How much of each pixel is kept: 1 where the mean over the mask's channels is black, 0 where it
/// is white. A sixteenth at both ends counts as black and white: lossy files are not exact.
std::vector<double> kept_pixels(const FloatImages& mask) {
  constexpr double kEnd = 1.0 / 16.0;
  const auto channels = static_cast<std::size_t>(mask.shape.channels);
  std::vector<double> sums(static_cast<std::size_t>(mask.shape.num_pixels()));
  for (std::size_t i = 0; i < mask.values.size(); ++i) sums[i / channels] += mask.values[i];
  std::ranges::transform(sums, sums.begin(), [&](double sum) {
    const double black = (1.0 - sum / static_cast<double>(channels)) / 2.0;
    return std::clamp((black - kEnd) / (1.0 - 2.0 * kEnd), 0.0, 1.0);
  });
  return sums;
}

/// Codes of the one picture, with which the numbers of those drawn serve in turn.
void encode_once(const TrainedNetwork& model, std::int64_t period, EncodeOptions encoding,
                 const SampleOptions& options, InitStart& start) {
  encoding.run.show_progress = ShowProgress::no;  // the display is for the drawing that follows
  encoding.run.progress = {};
  FloatImages pictures{.count = period, .shape = options.init->images.shape};
  for (std::int64_t k = 0; k < period; ++k)
    pictures.values.insert(pictures.values.end(), start.pictures.begin(), start.pictures.end());
  Codes codes = encode(model, pictures, encoding);
  start.x_T = std::move(codes.x_T.values);
  start.evaluations = codes.nfe * static_cast<double>(period);
}

}  // namespace

void check_init(const TrainedNetwork& model, const Plan& plan, const SampleOptions& options) {
  const Network& network = *model.network;
  const InitImage& init = *options.init;
  require(init.images.count == 1 || init.images.count == options.count,
          "init image: ", init.images.count, " pictures for ", options.count,
          " to draw; expected one, or as many");
  check_images(network, init.images.count, init.images, "init image");
  if (init.by == InitBy::encoding) steps_of(model, encoding_for(plan.options, options));
  if (!init.mask) return;
  const PictureShape& shape = init.mask->shape;
  require(init.mask->count == 1 && shape.height == network.shape().height &&
              shape.width == network.shape().width,
          "mask: ", init.mask->count, init.mask->count == 1 ? " picture of " : " pictures of ",
          shape.width, "x", shape.height, "; expected one of ", network.shape().width, "x",
          network.shape().height, " (width, height)");
  require(shape.channels >= 1, "mask: its pixels have no numbers; expected one channel or more");
  check_values(*init.mask, "mask");
  std::vector<std::uint8_t> levels;
  for (const double kept : kept_pixels(*init.mask))
    levels.push_back(static_cast<std::uint8_t>(255.0 * (1.0 - kept) + 0.5));
  check_mask(levels, "mask", " (0 stands for -1, 255 for 1)");
}

InitStart make_init_start(const TrainedNetwork& model, const Plan& plan,
                          const SampleOptions& options) {
  check_init(model, plan, options);
  const InitImage& init = *options.init;
  InitStart start{.pictures = init.images.values};
  if (init.mask) start.kept = kept_pixels(*init.mask);
  if (init.by == InitBy::noise) return start;
  const EncodeOptions encoding = encoding_for(plan.options, options);
  const std::optional<std::int64_t> period = model.network->period(options.class_choice);
  if (init.images.count == 1 && period && *period < options.count) {
    encode_once(model, *period, encoding, options, start);
    return start;
  }
  start.encoding = steps_of(model, encoding);
  start.evaluations = static_cast<double>(std::ssize(start.encoding) * options.count *
                                          num_calls(options.class_choice));
  return start;
}

}  // namespace ddim::engine::run
