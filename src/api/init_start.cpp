#include "api/init_start.h"

#include <algorithm>

#include "api/class_condition.h"
#include "api/diffusion_plan.h"
#include "api/float_images.h"
#include "api/model_implementation.h"
#include "api/num_threads.h"
#include "model/encode.h"

namespace ddim {
namespace {

void check(const ModelInfo& model, const SampleOptions& options) {
  const InitImage& init = *options.init;
  require(init.images.count == 1 || init.images.count == options.count,
          "init image: ", init.images.count, " pictures for ", options.count,
          " to draw; expected one, or as many");
  const Shape needed{init.images.count, model.channels, model.resolution, model.resolution};
  require(shape_of(init.images) == needed, "init image: ", shape_of(init.images),
          ", but this model's pictures are ", needed);
  check_values(init.images, "init image");
  if (!init.mask) return;
  require(init.mask->count == 1 && init.mask->height == model.resolution &&
              init.mask->width == model.resolution,
          "mask: ", shape_of(*init.mask), "; expected one picture of ", model.resolution, "x",
          model.resolution);
  check_values(*init.mask, "mask");
}

/// The one picture `count` times, or all of them.
std::vector<float> repeat(const FloatImages& images, std::int64_t count) {
  if (images.count == count) return images.values;
  std::vector<float> all;
  for (std::int64_t k = 0; k < count; ++k)
    all.insert(all.end(), images.values.begin(), images.values.end());
  return all;
}

/// 1 where the mean over the mask's channels is black.
std::vector<double> kept_pixels(const FloatImages& mask) {
  const auto num_pixels = static_cast<std::size_t>(mask.height * mask.width);
  std::vector<double> sums(num_pixels);
  for (std::size_t i = 0; i < mask.values.size(); ++i) sums[i % num_pixels] += mask.values[i];
  std::ranges::transform(sums, sums.begin(), [](double sum) { return sum < 0.0 ? 1.0 : 0.0; });
  return sums;
}

}  // namespace

InitStart make_init_start(const Model& model, const SampleOptions& options,
                          const PlanOptions& plan) {
  check(model.info(), options);
  const InitImage& init = *options.init;
  InitStart start{.pictures = repeat(init.images, options.count)};
  if (init.mask) start.kept = kept_pixels(*init.mask);
  if (init.by == InitBy::noise) return start;

  const model::Model& loaded = model.implementation().model;
  SamplerDetails details{.final_alpha = FinalAlpha::first,
                         .steps_offset = plan.details.steps_offset};
  start.x_T =
      model::encode(
          loaded.unet,
          {.plan = make_diffusion_plan(loaded.schedule, loaded.prediction,
                                       {.steps = plan.steps, .tau = plan.tau, .details = details},
                                       init.strength)
                       .plan,
           .images = start.pictures,
           .count = options.count,
           .condition = condition_of(options.class_choice),
           .batch = options.batch,
           .num_threads = num_threads_of(options.threads),
           .progress =
               [&](std::int64_t, std::int64_t) {
                 return options.stop.stop_requested() ? diffusion::Flow::stop
                                                      : diffusion::Flow::proceed;
               }})
          .x_T;
  return start;
}

}  // namespace ddim
