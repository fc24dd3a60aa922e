// What a sampler does besides calling the network, at 32x32x3 and batch 16, per call of the
// network; and the time that making a plan of 1000 steps takes. Choose rows with
// --benchmark_filter=REGEX.
#include <benchmark/benchmark.h>

#include <string>

#include "backend/make_device.h"
#include "diffusion/sampler.h"

namespace ddim {
namespace {

using diffusion::Clip;
using diffusion::SamplerKind;

diffusion::Plan plan_of(const diffusion::PlanOptions& options, std::int64_t num_steps) {
  const diffusion::Schedule schedule = diffusion::Schedule::linear();
  return make_plan(schedule, make_trajectory(schedule, {.num_steps = num_steps}), options);
}

/// A network that costs nothing: its answer is there already.
void run_sampler(benchmark::State& state, const diffusion::PlanOptions& options) {
  const Device device = make_device(BackendKind::cpu, 1);
  Tensor x_T(device, {16, 32, 32, 3});  // [N,H,W,C]
  Tensor eps = empty_like(x_T);
  diffusion::draw_initial_state(0, 0, x_T);
  diffusion::draw_initial_state(1, 0, eps);
  const diffusion::Denoiser denoiser = [&](const Tensor&, double) { return eps; };
  const diffusion::Plan plan = plan_of(options, 100);
  const diffusion::StepObserver observer = [](const diffusion::StepReport&) {
    return diffusion::Flow::proceed;
  };
  for (auto _ : state)
    benchmark::DoNotOptimize(sample(plan, denoiser, x_T, diffusion::DrawnNoise{}, observer));
  state.counters["per_call"] = benchmark::Counter(
      static_cast<double>(plan.nfe()),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void run_plan(benchmark::State& state, SamplerKind sampler) {
  for (auto _ : state) benchmark::DoNotOptimize(plan_of({.sampler = sampler}, 1000));
}

void register_all() {
  const auto add = [](const std::string& name, const diffusion::PlanOptions& options) {
    benchmark::RegisterBenchmark(("sample/" + name).c_str(), [options](benchmark::State& state) {
      run_sampler(state, options);
    })->Unit(benchmark::kMillisecond);
  };
  for (const SamplerKind sampler : diffusion::sampler_kinds()) {
    const std::string name(to_string(sampler));
    if (sampler != SamplerKind::adaptive) add(name, {.sampler = sampler});
    benchmark::RegisterBenchmark(("plan/" + name).c_str(), [sampler](benchmark::State& state) {
      run_plan(state, sampler);
    })->Unit(benchmark::kMillisecond);
  }
  add("ddim/eta:1", {.noise = diffusion::EtaNoise{1.0}});
  add("ddim/clip", {.clip = Clip::rederive_eps});
  add("ddim/threshold", {.clip = Clip::threshold_rederive_eps});
}

}  // namespace
}  // namespace ddim

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  ddim::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
