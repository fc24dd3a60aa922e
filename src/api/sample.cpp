#include <ddim/sample.h>

#include <chrono>
#include <iostream>
#include <limits>

#include "api/class_condition.h"
#include "api/diffusion_plan.h"
#include "api/init_start.h"
#include "api/model_implementation.h"
#include "api/num_threads.h"
#include "api/run_progress.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "io/image_grid.h"
#include "model/generate.h"

namespace ddim {
namespace {

PlanOptions plan_options(const SampleOptions& options) {
  return {.steps = options.steps,
          .tau = options.tau,
          .eta = options.eta,
          .clip = options.clip,
          .sampler = options.sampler,
          .details = options.details};
}

void check_initial_state(const ModelInfo& model, const SampleOptions& options) {
  const FloatImages& x_T = *options.x_T;
  const Shape needed{options.count, model.channels, model.resolution, model.width};
  const Shape given{x_T.count, x_T.channels, x_T.height, x_T.width};
  require(given == needed, "sample: x_T is ", given, ", but ", options.count,
          " images of this model need ", needed);
}

/// What the caller is told of a step.
StepPreview public_preview(const ModelInfo& model, const model::StepPreview& preview) {
  const std::int64_t size = model.channels * model.resolution * model.resolution;
  return {.first_image = preview.first_image,
          .step = static_cast<std::int64_t>(preview.index),
          .t = preview.step.t,
          .t_prev = preview.step.t_prev,
          .x0_pred = {.count = std::ssize(preview.x0_pred) / size,
                      .channels = model.channels,
                      .height = model.resolution,
                      .width = model.resolution,
                      .values = {preview.x0_pred.begin(), preview.x0_pred.end()}}};
}

}  // namespace

Samples sample(const Model& model, const SampleOptions& options) {
  constexpr std::int64_t kMaxImages = std::numeric_limits<std::uint32_t>::max();
  require(options.count >= 1, "sample: count must be at least 1, is ", options.count);
  require(options.first_image >= 0 && options.first_image <= kMaxImages - options.count,
          "sample: images ", options.first_image, " .. +", options.count,
          " are not all numbers of 32 bits");
  require(!options.x_T || !options.init,
          "sample: noise (x_T) and pictures to start from exclude each other");
  if (options.x_T) check_initial_state(model.info(), options);

  const model::Model& loaded = model.implementation().model;
  const diffusion::Plan plan =
      make_diffusion_plan(loaded.schedule, loaded.prediction, plan_options(options),
                          options.init ? options.init->strength : 1.0)
          .plan;
  const model::ClassCondition condition = condition_of(options.class_choice);
  RunProgress progress(options.show_progress, options.progress, options.stop,
                       condition.num_calls());
  model::GenerateOptions generate{.plan = plan,
                                  .count = options.count,
                                  .first_image = static_cast<std::uint32_t>(options.first_image),
                                  .batch = options.batch,
                                  .num_threads = num_threads_of(options.threads),
                                  .seed = options.seed,
                                  .condition = condition,
                                  .progress = std::ref(progress)};
  if (options.preview) {
    generate.preview = [&](const model::StepPreview& preview) {
      options.preview(public_preview(model.info(), preview));
    };
  }

  const auto start_time = std::chrono::steady_clock::now();
  InitStart init;
  if (options.init) {
    init = make_init_start(model, options, plan_options(options));
    (options.init->by == InitBy::noise ? generate.noised : generate.x_T) =
        options.init->by == InitBy::noise ? init.pictures : init.x_T;
    if (options.init->mask) {
      generate.inpainting = {
          .schedule = loaded.schedule, .known = init.pictures, .kept = init.kept};
    }
  } else if (options.x_T) {
    generate.x_T = options.x_T->values;
  }
  model::Generated generated = model::generate(loaded.unet, generate);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_time;

  return {.x_0 = {.count = generated.shape[0],
                  .channels = generated.shape[1],
                  .height = generated.shape[2],
                  .width = generated.shape[3],
                  .values = std::move(generated.x_0)},
          .nfe = generated.nfe,
          .seconds = seconds.count(),
          .peak_memory_bytes = peak_memory_bytes(),
          .recipe = make_recipe(model, options)};
}

void write_png_grid(const std::filesystem::path& path, const Samples& samples, Overwrite overwrite,
                    const GridOptions& grid) {
  std::vector<Image> images;
  for (std::int64_t k = 0; k < samples.x_0.count; ++k) images.push_back(to_image(samples.x_0, k));
  Recipe recipe = samples.recipe;
  if (!recipe.empty() && images.size() > 1)
    recipe["columns"] = std::to_string(io::num_columns(samples.x_0.count, grid.columns));
  write_png(path, make_grid(images, grid), {.text = recipe, .overwrite = overwrite});
}

}  // namespace ddim
