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

EncodeOptions encoding_for(const PlanOptions& steps, const SampleOptions& options) {
  return {.plan = {.steps = steps.steps,
                   .tau = steps.tau,
                   .steps_offset = steps.steps_offset,
                   .strength = steps.strength},
          .class_choice = options.class_choice,
          .first_image = options.first_image,
          .run = options.run};
}

std::vector<diffusion::EncodeStep> steps_of(const TrainedNetwork& model,
                                            const EncodeOptions& options) {
  PlanOptions plan = options.plan;
  plan.final_alpha = FinalAlpha::first;
  std::vector<diffusion::EncodeStep> steps =
      diffusion::make_encoding(diffusion::make_plan(model.schedule, model.prediction, plan));
  require(options.method != EncodeMethod::exact || steps.back().x_from_prev > 0.0,
          "encode: a step has no exact inverse where alpha_bar is 0; encode without --exact");
  try {
    for (const diffusion::EncodeStep& step : steps) {
      model.network->check_times(std::vector<double>{step.t_prev});
      if (options.method == EncodeMethod::exact)
        model.network->check_times(std::vector<double>{step.t});
    }
  } catch (const Error& error) {
    fail(error.code(),
         "encode: begins at t = 0 and calls the network at every t on the way: ", error.what());
  }
  model.network->check_classes(options.class_choice);
  return steps;
}

Codes encode(const TrainedNetwork& model, const FloatImages& pictures,
             const EncodeOptions& options) {
  const std::vector<diffusion::EncodeStep> steps = steps_of(model, options);
  require(pictures.count >= 1, "encode: no pictures");
  check_numbers("encode", options.first_image, pictures.count);
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
                          .first_image = static_cast<std::uint32_t>(options.first_image),
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
