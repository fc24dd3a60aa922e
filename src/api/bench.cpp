#include <ddim/bench.h>
#include <ddim/train_config.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/error.h"
#include "base/file_input.h"
#include "eval/bench.h"
#include "model/file_configs.h"
#include "model/model_files.h"
#include "model/overrides.h"

namespace ddim {

using namespace engine;
namespace {

/// A folder, or a file with one of the endings that files of weights have; others are
/// configurations, whatever they are called.
bool is_model(const std::filesystem::path& path) {
  constexpr std::string_view kEndings[] = {".safetensors", ".json", ".bin", ".pth", ".pt", ".ckpt"};
  return !is_file(path) ||
         std::ranges::find(kEndings, path.extension().string()) != std::end(kEndings);
}

eval::BenchedNetwork network_of(const BenchOptions& options) {
  const std::filesystem::path& path = options.network;
  if (!is_model(path)) {
    const ModelOverrides size{.height = options.overrides.height, .width = options.overrides.width};
    require(options.overrides == size, path.string(),
            ": a training configuration says its own schedule, betas, T and prediction, and they "
            "take no time; leave them out");
    TrainConfig config = load_train_config(path);
    model::resize(options.overrides, path.string(), config.model);
    return {.config = config.model, .T = config.diffusion.T};
  }
  const model::ModelFiles files =
      model::open_model(path, model::TrainingPart::skip, options.overrides);
  return {.config = files.config, .T = model::num_steps_of(files.scheduler)};
}

}  // namespace

BenchResult bench(const BenchOptions& options) { return eval::bench(network_of(options), options); }

}  // namespace ddim
