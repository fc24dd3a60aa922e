#include <ddim/sample.h>

#include <chrono>
#include <iostream>
#include <limits>

#include "api/class_condition.h"
#include "api/diffusion_plan.h"
#include "api/model_implementation.h"
#include "api/num_threads.h"
#include "api/progress_style.h"
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

}  // namespace

Samples sample(const Model& model, const SampleOptions& options) {
  constexpr std::int64_t kMaxImages = std::numeric_limits<std::uint32_t>::max();
  require(options.count >= 1, "sample: count must be at least 1, is ", options.count);
  require(options.first_image >= 0 && options.first_image <= kMaxImages - options.count,
          "sample: images ", options.first_image, " .. +", options.count,
          " are not all numbers of 32 bits");
  if (options.x_T) check_initial_state(model.info(), options);

  const model::Model& loaded = model.implementation().model;
  const diffusion::Plan plan =
      make_diffusion_plan(loaded.schedule, loaded.prediction, plan_options(options)).plan;
  Progress display(std::clog, style_of(options.show_progress), "steps");
  const model::ClassCondition condition = condition_of(options.class_choice);
  const auto report = [&](std::int64_t done, std::int64_t total) {
    display.update(done, "");
    if (options.progress) {
      options.progress({.evaluations_done = done * condition.num_calls(),
                        .evaluations = total * condition.num_calls()});
    }
    return options.stop.stop_requested() ? diffusion::Flow::stop : diffusion::Flow::proceed;
  };

  const auto start = std::chrono::steady_clock::now();
  display.begin(0, options.count * plan.nfe());
  model::Generated generated = model::generate(
      loaded.unet,
      {.plan = plan,
       .count = options.count,
       .first_image = static_cast<std::uint32_t>(options.first_image),
       .batch = options.batch,
       .num_threads = num_threads_of(options.threads),
       .seed = options.seed,
       .condition = condition,
       .x_T = options.x_T ? std::span<const float>(options.x_T->values) : std::span<const float>(),
       .progress = report});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

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
