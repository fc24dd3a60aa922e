#include <ddim/bench.h>
#include <ddim/train_config.h>

#include "eval/bench.h"
#include "model/model_files.h"

namespace ddim {

using namespace engine;
namespace {

UNetConfig network_of(const BenchOptions& options) {
  const std::filesystem::path& path = options.network;
  if (path.extension() == ".toml") return load_train_config(path).model;
  return model::open_model(path, model::TrainingPart::skip, options.overrides).config;
}

}  // namespace

BenchResult bench(const BenchOptions& options) { return eval::bench(network_of(options), options); }

}  // namespace ddim
