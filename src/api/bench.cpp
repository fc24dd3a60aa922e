#include <ddim/bench.h>
#include <ddim/train_config.h>

#include "eval/bench.h"
#include "model/model_files.h"

namespace ddim {

using namespace engine;
namespace {

UNetConfig network_of(const std::filesystem::path& path) {
  if (path.extension() == ".toml") return load_train_config(path).model;
  return model::open_model(path).config;
}

}  // namespace

BenchResult bench(const BenchOptions& options) {
  return eval::bench(network_of(options.network), options);
}

}  // namespace ddim
