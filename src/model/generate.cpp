#include "model/generate.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/run_images.h"

namespace ddim::model {

Generated generate(const UNet& unet, const GenerateOptions& options) {
  const diffusion::Plan& plan = options.plan;
  require(!plan.steps.empty(), "generate: the plan has no steps; see make_plan");
  for (const diffusion::Step& step : plan.steps)
    unet.check_times(std::vector<double>{static_cast<double>(step.t)});
  if (!options.x_T.empty()) check_images(unet, options.count, options.x_T, "x_T");

  const ImageProcess draw = [&](const MicroBatch& batch) {
    Tensor x_T;  // [N,H,W,C]
    if (options.x_T.empty()) {
      x_T = Tensor(batch.device, batch.shape);
      diffusion::draw_initial_state(options.seed, batch.first_image, x_T);
    } else {
      x_T = batch.upload(options.x_T);
    }
    return diffusion::sample(
        plan, batch.denoiser, x_T,
        diffusion::DrawnNoise{.seed = options.seed, .first_image = batch.first_image},
        [&](const diffusion::StepReport& report) {
          diffusion::Flow flow = diffusion::Flow::proceed;
          for (std::int64_t call = 0; call < report.num_calls; ++call) flow = batch.step_done();
          return flow;
        });
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
