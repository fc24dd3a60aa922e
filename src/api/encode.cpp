#include <ddim/encode.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <span>

#include "api/class_condition.h"
#include "api/diffusion_plan.h"
#include "api/float_images.h"
#include "api/model_implementation.h"
#include "api/num_threads.h"
#include "api/run_progress.h"
#include "base/philox.h"
#include "diffusion/encode.h"
#include "model/encode.h"

namespace ddim {
namespace {

void check_pictures(const ModelInfo& model, const FloatImages& pictures) {
  const Shape needed{pictures.count, model.channels, model.resolution, model.resolution};
  require(shape_of(pictures) == needed, "encode: pictures are ", shape_of(pictures),
          ", but this model's are ", needed);
  check_values(pictures, "encode");
}

/// The pictures with their noise: a function of a picture's place among them and of nothing else.
std::vector<float> dequantised(const FloatImages& pictures, Dequantise dequantise) {
  std::vector<float> values = pictures.values;
  if (dequantise == Dequantise::none) return values;
  const NoiseKey key{.seed = 0, .purpose = Purpose::dequantisation};
  const auto picture_size = values.size() / static_cast<std::size_t>(pictures.count);
  std::vector<float> noise(picture_size);
  for (std::int64_t k = 0; k < pictures.count; ++k) {
    const auto image = static_cast<std::uint32_t>(k);
    const std::span<float> picture(values.data() + static_cast<std::size_t>(k) * picture_size,
                                   picture_size);
    if (dequantise == Dequantise::uniform) {
      fill_uniform(key, image, noise);
      for (std::size_t i = 0; i < picture_size; ++i)
        picture[i] = (picture[i] * 255.0F - 1.0F) / 256.0F + noise[i] / 128.0F;
    } else {
      fill_normal(key, image, noise);
      for (std::size_t i = 0; i < picture_size; ++i) picture[i] += 0.02F * noise[i];
    }
  }
  return values;
}

}  // namespace

Codes encode(const Model& model, const FloatImages& pictures, const EncodeOptions& options) {
  check_pictures(model.info(), pictures);
  const model::Model& loaded = model.implementation().model;
  const diffusion::Plan plan = make_diffusion_plan(loaded.schedule, loaded.prediction,
                                                   {.steps = options.steps,
                                                    .tau = options.tau,
                                                    .details = {.final_alpha = FinalAlpha::first}})
                                   .plan;
  Codes codes;
  for (const diffusion::EncodeStep& step : diffusion::make_encoding(plan))
    codes.tau.push_back(step.t);

  const model::ClassCondition condition = condition_of(options.class_choice);
  const std::vector<float> images = dequantised(pictures, options.dequantise);
  RunProgress progress(options.show_progress, options.progress, options.stop,
                       condition.num_calls());
  const auto start = std::chrono::steady_clock::now();
  model::Encoded encoded = model::encode(
      loaded.unet, {.plan = plan,
                    .images = images,
                    .count = pictures.count,
                    .method = options.method == EncodeMethod::euler ? model::EncodeMethod::euler
                                                                    : model::EncodeMethod::exact,
                    .condition = condition,
                    .batch = options.batch,
                    .num_threads = num_threads_of(options.threads),
                    .progress = std::ref(progress)});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

  codes.x_T = {.count = pictures.count,
               .channels = pictures.channels,
               .height = pictures.height,
               .width = pictures.width,
               .values = std::move(encoded.x_T)};
  codes.nfe = std::accumulate(encoded.num_calls.begin(), encoded.num_calls.end(), 0.0) /
              static_cast<double>(pictures.count);
  codes.residual = std::ranges::max(encoded.residuals);
  codes.seconds = seconds.count();
  return codes;
}

Samples decode(const Model& model, const Codes& codes, const DecodeOptions& options) {
  return sample(model, {.tau = codes.tau,
                        .clip = options.clip,
                        .details = {.final_alpha = FinalAlpha::first},
                        .count = codes.x_T.count,
                        .class_choice = options.class_choice,
                        .x_T = codes.x_T,
                        .batch = options.batch,
                        .threads = options.threads,
                        .show_progress = options.show_progress,
                        .progress = options.progress,
                        .stop = options.stop});
}

}  // namespace ddim
