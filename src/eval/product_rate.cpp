#include "eval/product_rate.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "tensor/kernels.h"
#include "tensor/tensor.h"

namespace ddim::engine::eval {
namespace {

/// Of one thread, by a linear layer.
double rate_of_thread(const Device& device) {
  constexpr std::int64_t kRows = 48;
  constexpr std::int64_t kChannels = 256;
  constexpr std::int64_t kOutputs = 64;
  constexpr int kRuns = 50;
  constexpr int kCallsPerRun = 50;
  const Tensor x(device, {kRows, kChannels});
  const Tensor weight = Tensor::persistent(device, {kOutputs, kChannels});
  Tensor y(device, {kRows, kOutputs});
  for (Tensor tensor : {x, weight}) device.kernels().fill(1.0, tensor);
  double least_seconds = std::numeric_limits<double>::infinity();
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCallsPerRun; ++i) device.kernels().linear(x, weight, {}, y);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    least_seconds = std::min(least_seconds, time.count());
  }
  return 2.0 * kRows * kChannels * kOutputs * kCallsPerRun / least_seconds;
}

}  // namespace

double product_rate(const Device& device, int num_threads) {
  std::vector<double> rates(static_cast<std::size_t>(num_threads));
  {
    std::vector<std::jthread> threads;
    for (double& rate : rates)
      threads.emplace_back([&rate, worker = device.worker(1)] { rate = rate_of_thread(worker); });
  }
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

}  // namespace ddim::engine::eval
