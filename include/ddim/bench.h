#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddim/device_kind.h"
#include "ddim/export.h"
#include "ddim/memory_use.h"
#include "ddim/model_overrides.h"
#include "ddim/precision.h"

namespace ddim {

/// What is timed: network calls as a sampler makes them, or training steps with everything that
/// belongs to them.
enum class Workload { sampling, training };

/// What bench() times.
struct BenchOptions {
  /// Whose network: the folder of a model, or a configuration for training. Only its shape
  /// counts; weights are random.
  std::filesystem::path network = {};
  /// Of a model; of a configuration the size alone, Error(user) for the others. The forward process
  /// takes no time, but a model without one must be told it.
  ModelOverrides overrides = {};
  Workload workload = Workload::sampling;
  DeviceKind device = DeviceKind::cpu;
  Precision precision = Precision::fp32;
  MemoryUse memory_use = MemoryUse::normal;
  std::int64_t batch = 16;
  int threads = 0;  ///< 0: one per processor
  int repetitions = 5;
};

/// What one kind of op took, per image and step.
struct OpTime {
  std::string op;         ///< "conv2d 3x3 128->256 @16x16"
  std::string algorithm;  ///< of a convolution: "winograd_f4x4"; empty for other ops
  std::string reason;     ///< what that algorithm is for, in words
  double ms = 0.0;        ///< of all threads together; measured in a run of its own
  double gflop = 0.0;     ///< 0 where memory is what counts
};

/// Per image and step: one network call, or one image's share of a training step.
struct BenchResult {
  std::int64_t num_parameters = 0;
  int threads = 0;
  double median_ms = 0.0;  ///< over the repetitions
  double least_ms = 0.0;
  double gflop = 0.0;             ///< of the direct algorithms, whatever is computed instead
  double gflop_per_second = 0.0;  ///< gflop / median: effective, all threads together
  /// What products of this precision reach on as many threads when their factors are in the cache:
  /// the machine's peak; 0 for other devices than `cpu`. Algorithms that make do with fewer
  /// products can exceed it.
  double product_gflop_per_second = 0.0;
  std::int64_t peak_memory_bytes = 0;  ///< of the process
  std::vector<OpTime> ops = {};        ///< the most expensive first
};

/// Times a network on this machine. Error(user) for options that cannot be, Error(io) and
/// Error(corrupt) for files that cannot be read.
DDIM_API BenchResult bench(const BenchOptions& options);

}  // namespace ddim
