#include "train/sample_grid.h"

#include <iomanip>
#include <sstream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "diffusion/plan.h"
#include "diffusion/tau.h"
#include "io/image_grid.h"
#include "io/png.h"
#include "model/generate.h"

namespace ddim::train {
namespace {

/// [N,C,H,W] floats as N pictures.
std::vector<io::Image> to_pictures(const std::vector<float>& x_0, const Shape& shape) {
  const auto channels = static_cast<std::size_t>(shape[1]);
  const auto num_pixels = static_cast<std::size_t>(shape[2] * shape[3]);
  std::vector<io::Image> pictures;
  std::vector<float> pixels(num_pixels * channels);  // [H,W,C]
  for (std::size_t n = 0; n < static_cast<std::size_t>(shape[0]); ++n) {
    for (std::size_t channel = 0; channel < channels; ++channel) {
      for (std::size_t pixel = 0; pixel < num_pixels; ++pixel)
        pixels[pixel * channels + channel] = x_0[(n * channels + channel) * num_pixels + pixel];
    }
    pictures.push_back(io::to_bytes(pixels, shape[2], shape[3], shape[1]));
  }
  return pictures;
}

/// Every class that the data have, for a network that is told it; otherwise empty.
std::vector<double> classes_in_turn(const UNetConfig& model) {
  std::vector<double> classes;
  if (model.class_embed_type == ClassEmbedType::none) return classes;
  const std::int64_t num_classes = model.null_class.value_or(*model.num_class_embeds);
  for (std::int64_t k = 0; k < num_classes; ++k) classes.push_back(static_cast<double>(k));
  return classes;
}

}  // namespace

void write_sample_grid(const std::filesystem::path& folder, const TrainConfig& config,
                       int num_threads, const TrainingState& state) {
  const OutputConfig& output = config.output;
  const diffusion::Schedule schedule = diffusion::make_schedule(schedule_options(config.diffusion));
  const diffusion::Tau tau =
      diffusion::make_tau(diffusion::TauKind::linear, output.sample_steps, config.diffusion.T);
  model::GenerateOptions options;
  options.plan =
      diffusion::make_plan(schedule, tau.steps, {.prediction = config.diffusion.prediction});
  options.count = output.sample_count;
  options.num_threads = num_threads;
  options.condition.classes = classes_in_turn(config.model);
  options.seed = static_cast<std::uint64_t>(config.training.seed);
  const model::Generated generated = model::generate(state.average, options);

  std::ostringstream name;
  name << "step-" << std::setw(8) << std::setfill('0') << state.step << ".png";
  std::filesystem::create_directories(folder);
  io::write_png(folder / name.str(), io::make_grid(to_pictures(generated.x_0, generated.shape)),
                {{"ddim", concat("averaged weights after ", state.step, " training steps; ",
                                 output.sample_steps, " steps, tau linear, eta 0, seed ",
                                 config.training.seed, ", images 0 to ", output.sample_count - 1)}},
                Existing::replace);
}

}  // namespace ddim::train
