#include "train/sample_grid.h"

#include <ddim/counts.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "data/class_list.h"
#include "diffusion/plan.h"
#include "io/image_grid.h"
#include "io/picture_tensor.h"
#include "io/png.h"
#include "model/run_folder.h"
#include "run/generate.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPictureEnding = ".png";
constexpr const char* kTensorEnding = ".safetensors";

std::optional<std::int64_t> columns_for(const std::vector<std::int64_t>& classes,
                                        std::int64_t count) {
  constexpr std::int64_t kMaxColumns = 20;
  const std::int64_t num_classes = std::ssize(classes);
  if (num_classes < 2 || num_classes > kMaxColumns || count < num_classes) return std::nullopt;
  const double square = std::sqrt(static_cast<double>(count));
  return num_classes *
         std::max<std::int64_t>(1, std::llround(square / static_cast<double>(num_classes)));
}

GridOptions grid_of(const FloatImages& pictures, const std::vector<std::int64_t>& classes,
                    const std::vector<std::string>& class_names, std::int64_t step) {
  GridOptions grid{.columns = columns_for(classes, pictures.count),
                   .title = "step " + with_thousands(step)};
  grid.scale = readable_scale(pictures.count, pictures.shape, grid.columns);
  for (std::int64_t column = 0; column < grid.columns.value_or(0); ++column) {
    const std::int64_t number = classes[static_cast<std::size_t>(column % std::ssize(classes))];
    const bool has_name = number < std::ssize(class_names);
    grid.column_labels.push_back(has_name ? class_names[static_cast<std::size_t>(number)]
                                          : concat("class ", number));
  }
  return grid;
}

}  // namespace

bool has_sample_grid(const fs::path& folder, std::int64_t step) {
  const std::string name = model::checkpoint_name(step);
  return is_file(folder / (name + kPictureEnding)) || is_file(folder / (name + kTensorEnding));
}

bool is_sample_grid_name(std::string_view name) {
  for (const std::string_view ending :
       {std::string_view(kPictureEnding), std::string_view(kTensorEnding)})
    if (name.ends_with(ending))
      return model::is_checkpoint_name(name.substr(0, name.size() - ending.size()));
  return false;
}

std::vector<std::int64_t> classes_in_turn(const UNetConfig& model, const data::Dataset& training) {
  if (model.class_embed_type == ClassEmbedType::none) return {};
  const std::set<std::int64_t> present(training.labels.begin(), training.labels.end());
  return {present.begin(), present.end()};
}

run::TrainedNetwork averaged_network(const TrainConfig& config, const TrainingState& state) {
  return {.network = run::make_network(state.average),
          .schedule = diffusion::make_schedule(config.diffusion),
          .prediction = config.diffusion.prediction};
}

void write_sample_grid(const fs::path& folder, const TrainConfig& config,
                       const data::Dataset& training, const RunOptions& run,
                       const TrainingState& state) {
  const OutputConfig& output = config.output;
  const run::TrainedNetwork model = averaged_network(config, state);
  const Plan plan = diffusion::make_plan(
      model.schedule, model.prediction, {.steps = output.sample_steps, .clip = output.sample_clip});
  const std::vector<std::int64_t> classes = classes_in_turn(config.model, training);
  const FloatImages x_0 = run::generate(model, plan,
                                        {.count = output.sample_count,
                                         .seed = static_cast<std::uint64_t>(config.training.seed),
                                         .class_choice = {.classes = classes},
                                         .run = run})
                              .samples.x_0;

  const std::string name = model::checkpoint_name(state.step);
  if (!is_folder(folder.parent_path()))
    fail(ErrorCode::io, folder.parent_path().string(), " is not there any more");
  make_folders(folder);
  if (x_0.shape.channels > 4) {  // more than a PNG can hold
    io::write_pictures(folder / (name + kTensorEnding), "x_0", x_0, Overwrite::allow);
    return;
  }
  std::vector<Image> pictures;
  for (std::int64_t k = 0; k < x_0.count; ++k) pictures.push_back(to_image(x_0, k));
  io::write_png(
      folder / (name + kPictureEnding),
      make_grid(pictures,
                grid_of(x_0, classes, data::class_names_of(training.report.classes), state.step)),
      {{"ddim",
        concat("averaged weights after ", state.step, " training steps; ", output.sample_steps,
               " steps, tau linear, eta 0, clip ", to_string(output.sample_clip), ", seed ",
               config.training.seed, ", images 0 to ", output.sample_count - 1)}},
      Overwrite::allow);
}

}  // namespace ddim::engine::train
