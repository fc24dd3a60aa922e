#pragma once

#include <cstdint>
#include <vector>

#include <ddim/memory_use.h>
#include <ddim/precision.h>

#include "backend/profiling.h"
#include "nn/unet_config.h"

namespace ddim::eval {

/// What is timed: sampling steps, or training steps with everything that belongs to them.
enum class Workload { sampling, training };

struct BenchOptions {
  UNetConfig network;
  Workload workload = Workload::sampling;
  std::int64_t batch = 16;
  int num_threads = 1;
  Precision precision = Precision::fp32;
  MemoryUse memory_use = MemoryUse::normal;
  int repetitions = 5;
};

/// Per image and step: of sampling (one network evaluation), or of training (one image's share).
struct BenchResult {
  std::int64_t num_parameters = 0;
  double median_ms = 0.0;  ///< over the repetitions
  double least_ms = 0.0;
  double gflop = 0.0;             ///< of the direct algorithms, whatever is computed instead
  double gflop_per_second = 0.0;  ///< gflop / median: effective, all threads together
  double product_gflop_per_second = 0.0;  ///< see product_rate(), of as many threads
  std::int64_t peak_memory_bytes = 0;     ///< of the process
  /// Each kind of op, the most expensive first: calls, worker seconds and flop of one image and
  /// step. From a run of its own, so that taking the time of ops does not enter the figures above.
  std::vector<ProfileEntry> ops;
};

/// Times a network with random weights on the cpu backend. The first steps, in which workers make
/// their primitives and pack weights, are not counted. Throws Error(user) for options that cannot
/// be.
BenchResult bench(const BenchOptions& options);

}  // namespace ddim::eval
