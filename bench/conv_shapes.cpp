// Convolutions of the CIFAR-10 U-Net on the cpu backend, in effective GFLOP/s: the operations of
// the direct algorithm over the time taken. Choose rows with --benchmark_filter=REGEX, for example
//   conv_shapes --benchmark_filter='forward.*N:4.*threads:1.*fp32'
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "backend/make_device.h"
#include "base/error.h"
#include "tensor/kernels.h"

namespace ddim::engine {
namespace {

struct ConvCase {
  std::int64_t c_in, c_out;
  std::int64_t size;  ///< of the input, along one axis
  ConvGeometry geometry;
};

const char* name(Pass pass) {
  switch (pass) {
    case Pass::forward:
      return "forward";
    case Pass::backward_input:
      return "backward_input";
    case Pass::backward_weight:
      return "backward_weight";
  }
  return "";
}

std::vector<ConvCase> cifar10_cases() {
  constexpr ConvGeometry same{};
  constexpr ConvGeometry down{.stride = 2, .pad_begin = 0};
  constexpr ConvGeometry pointwise{.kernel = 1, .pad_begin = 0, .pad_end = 0};
  return {{3, 128, 32, same},        {128, 128, 32, same},    {256, 128, 32, same},
          {384, 128, 32, same},      {256, 256, 32, same},    {128, 3, 32, same},
          {128, 256, 16, same},      {256, 256, 16, same},    {384, 256, 16, same},
          {512, 256, 16, same},      {256, 256, 8, same},     {512, 256, 8, same},
          {256, 256, 4, same},       {512, 256, 4, same},     {128, 128, 32, down},
          {256, 256, 16, down},      {256, 256, 8, down},     {384, 128, 32, pointwise},
          {512, 256, 16, pointwise}, {512, 256, 4, pointwise}};
}

std::string label(const ConvCase& c) {
  return concat(c.geometry.kernel, "x", c.geometry.kernel,
                c.geometry.stride == 2 ? " stride 2 " : " ", c.c_in, "->", c.c_out, " @", c.size);
}

/// A tensor of small numbers of both signs.
Tensor make_tensor(const Device& device, const Shape& shape) {
  Tensor tensor(device, shape);
  device.kernels().normal_noise({.seed = 1}, 0, tensor);
  return tensor;
}

void run(benchmark::State& state, const ConvCase& c, Pass pass, std::int64_t N,
         const DeviceOptions& options) {
  const Device device = make_device(DeviceKind::cpu, options);
  const std::int64_t out_size = c.geometry.output_rows(c.size);
  const Tensor x = make_tensor(device, {N, c.size, c.size, c.c_in});
  const Tensor weight =
      make_tensor(device, {c.c_out, c.c_in, c.geometry.kernel, c.geometry.kernel});
  const Tensor bias = make_tensor(device, {c.c_out, 1}).view({c.c_out});
  Tensor y = make_tensor(device, {N, out_size, out_size, c.c_out});
  const Grad dx{.tensor = empty_like(x)};
  const Grad dweight{.tensor = empty_like(weight)};
  const Grad dbias{.tensor = empty_like(bias)};
  const auto step = [&] {
    Kernels& kernels = device.kernels();
    if (pass == Pass::forward) {
      kernels.conv2d(x, weight, {.bias = bias}, c.geometry, y);
    } else if (pass == Pass::backward_input) {
      kernels.conv2d_backward_input(y, weight, c.geometry, dx);
    } else {
      kernels.conv2d_backward_weight(x, y, c.geometry, dweight, dbias);
    }
  };
  step();  // packs the weight and makes the primitives
  for (auto _ : state) step();

  const double flop =
      2.0 * static_cast<double>(weight.size()) * static_cast<double>(N * out_size * out_size);
  state.counters["GFLOP/s"] =
      benchmark::Counter(flop * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void register_all() {
  for (const Pass pass : {Pass::forward, Pass::backward_input, Pass::backward_weight}) {
    for (const ConvCase& c : cifar10_cases()) {
      for (const std::int64_t N : {1, 4, 8}) {
        for (const int num_threads : {1, 2}) {
          for (const Precision precision : {Precision::fp32, Precision::bf16}) {
            const DeviceOptions options{.num_threads = num_threads, .precision = precision};
            benchmark::RegisterBenchmark(
                concat(name(pass), "/", label(c), "/N:", N, "/threads:", num_threads, "/",
                       to_string(precision))
                    .c_str(),
                [=](benchmark::State& state) { run(state, c, pass, N, options); })
                ->UseRealTime()
                ->MinTime(0.1)
                ->Unit(benchmark::kMillisecond);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ddim::engine

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  ddim::engine::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
