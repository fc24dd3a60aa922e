#include "run/encode.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "diffusion/invert.h"
#include "diffusion/plan.h"
#include "run/dequantise.h"
#include "run/run_images.h"

namespace ddim::engine::run {

Codes encode(const TrainedNetwork& model, const FloatImages& pictures, const EncodeOptions& options,
             std::uint32_t first_image) {
  PlanOptions plan = options.plan;
  plan.final_alpha = FinalAlpha::first;
  const std::vector<diffusion::EncodeStep> steps =
      diffusion::make_encoding(diffusion::make_plan(model.schedule, model.prediction, plan));
  require(pictures.count >= 1, "encode: no pictures");
  check_images(*model.network, pictures.count, pictures, "encode");
  const auto start = std::chrono::steady_clock::now();
  const auto count = static_cast<std::size_t>(pictures.count);
  const FloatImages images = dequantised(pictures, options.dequantise);
  std::vector<std::int64_t> num_steps(count, std::ssize(steps));
  std::vector<double> residuals(count);

  const ImageProcess encode_batch = [&](const MicroBatch& batch) {
    const Tensor x_0 = batch.upload(images.values);
    const auto observer = [&](const diffusion::EncodeReport&) { return batch.step_done(); };
    if (options.method == EncodeMethod::euler)
      return diffusion::encode(steps, batch.denoiser, x_0, observer);
    diffusion::Inverted inverted = diffusion::invert(steps, batch.denoiser, x_0, {}, observer);
    std::ranges::copy(inverted.num_calls, num_steps.begin() + batch.first);
    std::ranges::copy(inverted.residuals, residuals.begin() + batch.first);
    return std::move(inverted.x_T);
  };
  Codes codes;
  codes.x_T = run_images(*model.network,
                         {.count = pictures.count,
                          .first_image = first_image,
                          .class_choice = options.class_choice,
                          .steps_per_image = std::ssize(steps),
                          .run = options.run},
                         encode_batch)
                  .images;
  for (const diffusion::EncodeStep& step : steps) codes.tau.push_back(step.t);
  for (const std::int64_t steps_taken : num_steps)
    codes.nfe += static_cast<double>(steps_taken * num_calls(options.class_choice));
  codes.nfe /= static_cast<double>(count);
  codes.residual = std::ranges::max(residuals);
  codes.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return codes;
}

SampleOptions decoding(const Codes& codes, const DecodeOptions& options) {
  return {.plan = {.tau = codes.tau, .clip = options.clip, .final_alpha = FinalAlpha::first},
          .count = codes.x_T.count,
          .class_choice = options.class_choice,
          .x_T = codes.x_T,
          .run = options.run};
}

}  // namespace ddim::engine::run
