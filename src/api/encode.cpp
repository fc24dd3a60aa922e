#include <ddim/encode.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "api/class_condition.h"
#include "api/diffusion_plan.h"
#include "api/float_images.h"
#include "api/model_implementation.h"
#include "api/num_threads.h"
#include "api/run_progress.h"
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
  RunProgress progress(options.show_progress, options.progress, options.stop,
                       condition.num_calls());
  const auto start = std::chrono::steady_clock::now();
  model::Encoded encoded = model::encode(
      loaded.unet, {.plan = plan,
                    .images = pictures.values,
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
