#include <ddim/bench.h>
#include <ddim/train_config.h>

#include "base/workers.h"
#include "eval/bench.h"
#include "model/model_files.h"

namespace ddim {
namespace {

UNetConfig network_of(const std::filesystem::path& path) {
  if (path.extension() == ".toml") return load_train_config(path).model;
  return model::open_model(path).config;
}

}  // namespace

BenchResult bench(const BenchOptions& options) {
  const int threads = num_threads_of(options.threads);
  const eval::BenchResult timed =
      eval::bench({.network = network_of(options.network),
                   .workload = options.workload == Workload::sampling ? eval::Workload::sampling
                                                                      : eval::Workload::training,
                   .batch = options.batch,
                   .num_threads = threads,
                   .precision = options.precision,
                   .memory_use = options.memory_use,
                   .repetitions = options.repetitions});
  BenchResult result{.num_parameters = timed.num_parameters,
                     .threads = threads,
                     .median_ms = timed.median_ms,
                     .least_ms = timed.least_ms,
                     .gflop = timed.gflop,
                     .gflop_per_second = timed.gflop_per_second,
                     .product_gflop_per_second = timed.product_gflop_per_second,
                     .peak_memory_bytes = timed.peak_memory_bytes};
  for (const ProfileEntry& entry : timed.ops)
    result.ops.push_back({.op = entry.op,
                          .algorithm = std::string(entry.conv.algorithm),
                          .reason = std::string(entry.conv.reason),
                          .ms = 1e3 * entry.seconds,
                          .gflop = 1e-9 * entry.flop});
  return result;
}

}  // namespace ddim
