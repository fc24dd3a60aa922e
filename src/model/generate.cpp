#include "model/generate.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "diffusion/keep_known.h"
#include "model/run_images.h"
#include "tensor/kernels.h"

namespace ddim::model {
namespace {

void check(const UNet& unet, const GenerateOptions& options) {
  require(!options.plan.steps.empty(), "generate: the plan has no steps; see make_plan");
  require(options.x_T.empty() || options.noised.empty(),
          "generate: x_T and images to start from exclude each other");
  if (!options.x_T.empty()) check_images(unet, options.count, options.x_T, "x_T");
  if (!options.noised.empty())
    check_images(unet, options.count, options.noised, "image to start from");
  if (options.inpainting)
    check_images(unet, options.count, options.inpainting->known, "known image");
}

/// Where the sampler begins: [N,H,W,C].
Tensor initial_state(const GenerateOptions& options, const MicroBatch& batch) {
  if (!options.x_T.empty()) return batch.upload(options.x_T);
  Tensor x(batch.device, batch.shape);
  diffusion::draw_initial_state(options.seed, batch.first_image, x);
  if (options.noised.empty()) return x;
  const double alpha_bar = options.plan.steps.front().alpha_bar;
  const double factors[] = {std::sqrt(alpha_bar), std::sqrt(1.0 - alpha_bar)};
  const Tensor terms[] = {batch.upload(options.noised), x};
  batch.device.kernels().linear_combination(factors, terms, x);
  return x;
}

/// Passes the steps of all workers on, one at a time.
class Previews {
 public:
  explicit Previews(const std::function<void(const StepPreview&)>& callback)
      : callback_(callback) {}

  void show(const MicroBatch& batch, const diffusion::StepReport& report) {
    if (!callback_ || batch.is_rehearsal) return;
    const std::vector<float> x0_pred = batch.planes_of(report.x0_pred);
    const std::lock_guard lock(mutex_);
    callback_({.first_image = batch.first_image + static_cast<std::uint32_t>(report.first_row),
               .index = report.index,
               .step = report.step,
               .x0_pred = x0_pred});
  }

 private:
  const std::function<void(const StepPreview&)>& callback_;
  std::mutex mutex_;
};

}  // namespace

Generated generate(const UNet& unet, const GenerateOptions& options) {
  check(unet, options);
  const diffusion::Plan& plan = options.plan;
  for (const diffusion::Step& step : plan.steps) unet.check_times(std::vector<double>{step.t});
  Previews previews(options.preview);
  const ImageProcess draw = [&](const MicroBatch& batch) {
    const auto observer = [&](const diffusion::StepReport& report) {
      previews.show(batch, report);
      diffusion::Flow flow = diffusion::Flow::proceed;
      for (std::int64_t call = 0; call < report.num_calls; ++call) flow = batch.step_done();
      return flow;
    };
    const diffusion::DrawnNoise noise{.seed = options.seed, .first_image = batch.first_image};
    const Tensor x_T = initial_state(options, batch);
    if (!options.inpainting) return diffusion::sample(plan, batch.denoiser, x_T, noise, observer);
    const auto& [schedule, known_images, kept] = *options.inpainting;
    const Tensor known = batch.upload(known_images);
    const diffusion::Denoiser denoiser =
        diffusion::keep_known(schedule, plan.options.prediction, batch.denoiser, known, kept);
    return diffusion::restore_known(diffusion::sample(plan, denoiser, x_T, noise, observer), known,
                                    kept);
  };
  // The adaptive sampler takes image by image, each with calls of its own.
  const bool is_adaptive = plan.schedule.has_value();
  std::int64_t calls_done = 0;
  const auto progress = [&](std::int64_t done, std::int64_t total) {
    calls_done = done;
    return options.progress ? options.progress(done, total) : diffusion::Flow::proceed;
  };
  ImageRun run =
      run_images(unet,
                 {.count = options.count,
                  .first_image = options.first_image,
                  .batch = is_adaptive && options.batch > 0
                               ? std::min<std::int64_t>(options.batch, options.num_threads)
                               : options.batch,
                  .num_threads = options.num_threads,
                  .condition = options.condition,
                  .steps_per_image = plan.nfe(),
                  .progress = progress},
                 draw);
  const std::int64_t calls_per_image =
      is_adaptive ? (calls_done + options.count - 1) / options.count : plan.nfe();
  return {.x_0 = std::move(run.images),
          .shape = run.shape,
          .nfe = calls_per_image * options.condition.num_calls(),
          .num_step_allocations = run.num_step_allocations};
}

}  // namespace ddim::model
