// What a sampler does besides calling the network, at 32x32x3 and batch 16, per call of the
// network; and the time that making a plan of 1000 steps takes. Choose rows with
// --benchmark_filter=REGEX.
#include <benchmark/benchmark.h>

#include <string>

#include "backend/make_device.h"
#include "diffusion/sampler.h"

namespace ddim::engine {
namespace {

Plan plan_of(const PlanOptions& options) {
  return diffusion::make_plan(diffusion::Schedule::linear(), Prediction::eps, options);
}

/// A network that costs nothing: its answer is there already.
void run_sampler(benchmark::State& state, PlanOptions options) {
  options.steps = 100;
  const Device device = make_device(DeviceKind::cpu, 1);
  Tensor x_T(device, {16, 32, 32, 3});  // [N,H,W,C]
  Tensor eps = empty_like(x_T);
  diffusion::draw_initial_state(0, 0, x_T);
  diffusion::draw_initial_state(1, 0, eps);
  const diffusion::Denoiser denoiser = [&](const Tensor&, double) { return eps; };
  const Plan plan = plan_of(options);
  const diffusion::StepObserver observer = [](const diffusion::StepReport&) {
    return diffusion::Flow::proceed;
  };
  for (auto _ : state)
    benchmark::DoNotOptimize(sample(plan, denoiser, x_T, diffusion::DrawnNoise{}, observer));
  state.counters["per_call"] = benchmark::Counter(
      static_cast<double>(plan.nfe),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void run_plan(benchmark::State& state, Sampler sampler) {
  for (auto _ : state) benchmark::DoNotOptimize(plan_of({.steps = 1000, .sampler = sampler}));
}

void register_all() {
  const auto add = [](const std::string& name, const PlanOptions& options) {
    benchmark::RegisterBenchmark(("sample/" + name).c_str(), [options](benchmark::State& state) {
      run_sampler(state, options);
    })->Unit(benchmark::kMillisecond);
  };
  for (const Named<Sampler>& named : Names<Sampler>::all()) {
    const Sampler sampler = named.value;
    const std::string name(to_string(sampler));
    if (sampler != Sampler::adaptive) add(name, {.sampler = sampler});
    benchmark::RegisterBenchmark(("plan/" + name).c_str(), [sampler](benchmark::State& state) {
      run_plan(state, sampler);
    })->Unit(benchmark::kMillisecond);
  }
  add("ddim/eta:1", {.eta = 1.0});
  add("ddim/clip", {.clip = {.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}});
  add("ddim/threshold", {.clip = {.bound = Clip::Bound::quantile, .eps = Clip::EpsRule::rederive}});
}

}  // namespace
}  // namespace ddim::engine

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  ddim::engine::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
