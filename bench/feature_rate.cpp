// What comparing sets of pictures costs:
//   build/bench/feature_rate SET [THREADS [EXTRACTOR]]   features a second of a set of pictures
//     (reading it included; also in a second of the threads' own time, for a machine that does
//     other work); by resnet56-cifar10 beside the bound that the machine's products set to
//     convolutions computed directly, or by the file of another extractor
//   build/bench/feature_rate   seconds for the Frechet distance of features with 2048 dimensions,
//     without and with its interval
#include <ddim/quality.h>
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "backend/make_device.h"
#include "base/philox.h"
#include "base/workers.h"
#include "eval/frechet_distance.h"
#include "eval/product_rate.h"

namespace ddim::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr const char* kResNet56 = "resnet56-cifar10";

/// Of the convolutions of ResNet-56: the first one, then 18 in each stage.
constexpr double kProductsPerPicture = 9.0 * 32 * 32 * (3 * 16 + 18 * 16 * 16) +
                                       9.0 * 16 * 16 * (16 * 32 + 17 * 32 * 32) +
                                       9.0 * 8 * 8 * (32 * 64 + 17 * 64 * 64);

void time_features(const std::string& set, int threads, const std::string& name) {
  const FeatureExtractor extractor = FeatureExtractor::load(find_extractor(name));
  const DataOptions pictures{.data = set};
  DataOptions few = pictures;
  few.max_images = 2 * threads;
  extractor.extract(few, {}, {.threads = threads});  // prepares the weights
  const Clock::time_point start = Clock::now();
  const std::clock_t own_start = std::clock();
  const FeatureSet found = extractor.extract(pictures, {}, {.threads = threads});
  const double seconds = seconds_since(start);
  const double own_seconds =
      static_cast<double>(std::clock() - own_start) / CLOCKS_PER_SEC / threads;
  const auto count = static_cast<double>(found.count);
  fmt::print("features of {} pictures, {} threads: {:.1f} a second, {:.1f} in one of own time\n",
             found.count, threads, count / seconds, count / own_seconds);
  if (name == kResNet56)
    fmt::print(
        "direct convolutions: at most {:.0f} a second\n",
        eval::product_rate(make_device(DeviceKind::cpu, 1), threads) / (2.0 * kProductsPerPicture));
}

eval::FrechetSide some_side(std::int64_t dimensions, std::uint32_t image,
                            std::vector<float>& features) {
  features.resize(static_cast<std::size_t>(2 * dimensions * dimensions));
  fill_normal({.seed = 0}, image, features);
  eval::FeatureMoments moments(dimensions);
  const eval::FeatureRows rows{.dimensions = dimensions, .values = features};
  for (std::int64_t i = 0; i < rows.count(); ++i) moments.add(rows[i]);
  return {.statistics = moments.statistics(), .rows = rows};
}

void time_distance() {
  std::vector<float> of_a, of_b;
  const Clock::time_point start = Clock::now();
  const eval::FrechetSide a = some_side(2048, 0, of_a), b = some_side(2048, 1, of_b);
  fmt::print("statistics of two sets of {} with 2048 features: {:.1f} s\n", a.rows.count(),
             seconds_since(start));
  const Clock::time_point before_distance = Clock::now();
  const double distance = eval::frechet_distance(a.statistics, b.statistics);
  fmt::print("distance {:.3f}: {:.1f} s\n", distance, seconds_since(before_distance));
  const Clock::time_point before_interval = Clock::now();
  const double half_width = eval::frechet_interval(a, b).half_width_95;
  fmt::print("with its interval, +- {:.3f}: {:.1f} s\n", half_width,
             seconds_since(before_interval));
}

}  // namespace
}  // namespace ddim::engine

int main(int argc, char** argv) {
  if (argc > 1) {
    ddim::engine::time_features(argv[1],
                                ddim::engine::num_threads_of(argc > 2 ? std::stoi(argv[2]) : 0),
                                argc > 3 ? argv[3] : ddim::engine::kResNet56);
  } else {
    ddim::engine::time_distance();
  }
}
