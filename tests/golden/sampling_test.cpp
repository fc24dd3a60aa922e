#include <gmock/gmock.h>

#include <algorithm>
#include <tuple>

#include "diffusion/plan.h"
#include "diffusion/sampler.h"
#include "diffusion/tau.h"
#include "tests/golden/golden_case.h"

namespace ddim::engine {
namespace {

struct Trajectory {
  const char* tau;
  TauKind kind;
  std::int64_t num_steps;
  const char* sampler;
  PlanOptions options;
  double state_tolerance = kTrajectoryTolerance;
  double prediction_tolerance = kTrajectoryTolerance;
  bool is_short_choice = false;  ///< one of those for a device that is emulated, and slow
};

const PlanOptions kSigmaHat{.eta = SigmaHat{},
                            .clip = {.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}};

const Trajectory kTrajectories[] = {
    {"uniform10", TauKind::linear_code, 10, "eta0.0", {.eta = 0.0}},
    {"uniform10", TauKind::linear_code, 10, "eta0.5", {.eta = 0.5}},
    {.tau = "uniform10",
     .kind = TauKind::linear_code,
     .num_steps = 10,
     .sampler = "eta1.0",
     .options = {.eta = 1.0},
     .is_short_choice = true},
    {"quad10", TauKind::quadratic_code, 10, "eta0.0", {.eta = 0.0}},
    {"quad10", TauKind::quadratic_code, 10, "eta0.5", {.eta = 0.5}},
    {"quad10", TauKind::quadratic_code, 10, "eta1.0", {.eta = 1.0}},
    {"uniform20", TauKind::linear_code, 20, "eta0.0", {.eta = 0.0}},
    {"quad20", TauKind::quadratic_code, 20, "eta0.0", {.eta = 0.0}},
    {"uniform10", TauKind::linear_code, 10, "ddpm_noisy", kSigmaHat, kClippedTrajectoryTolerance,
     kClippedPredictionTolerance, true},
};

void append(std::vector<float>& all, const Tensor& tensor) {
  const std::vector<float> values = to_nchw(tensor);
  all.insert(all.end(), values.begin(), values.end());
}

class GoldenSampling : public GoldenTest,
                       public testing::WithParamInterface<std::tuple<GoldenCase, Trajectory>> {
  void SetUp() override { load(std::get<0>(GetParam())); }

 protected:
  struct Found {
    std::vector<float> states;       ///< x_T, then x after each step
    std::vector<float> predictions;  ///< x_0 as predicted by each
  };
  Found sampled(const io::SafetensorsFile& file, const std::string& name);
};

GoldenSampling::Found GoldenSampling::sampled(const io::SafetensorsFile& file,
                                              const std::string& name) {
  const Trajectory& trajectory = std::get<1>(GetParam());
  const std::string tau_name = trajectory.tau;
  const diffusion::Schedule& schedule = golden_model().schedule;
  const diffusion::VisitedSteps tau =
      diffusion::make_tau(trajectory.kind, trajectory.num_steps, schedule.num_steps());
  EXPECT_EQ(tau.steps, read_i64(file, tau_name + ".tau"));
  const Plan plan = diffusion::make_plan(schedule, tau.steps, trajectory.options);

  std::vector<Tensor> z;
  for (std::int64_t i = 0; i < plan.nfe; ++i) z.push_back(images(file, name + ".noise", i));
  const Tensor x_T = images(file, "x_T");
  const auto denoiser = [&](const Tensor& x_t, double t) {
    Tape tape;
    return unet()(tape, x_t, std::vector<double>(static_cast<std::size_t>(x_t.dim(0)), t)).value();
  };
  Found found{.states = to_nchw(x_T), .predictions = {}};
  sample(plan, denoiser, x_T, diffusion::GivenNoise{z}, [&](const diffusion::StepReport& report) {
    append(found.states, report.x_prev);
    append(found.predictions, report.x0_pred);
    return diffusion::Flow::proceed;
  });
  return found;
}

TEST_P(GoldenSampling, Trajectory) {
  const Trajectory& trajectory = std::get<1>(GetParam());
  const std::string name = std::string(trajectory.tau) + "." + trajectory.sampler;
  const io::SafetensorsFile file = open("sampling.safetensors");
  const Found found = sampled(file, name);
  EXPECT_LE(relative_error(found.states, file.read(name + ".x")), trajectory.state_tolerance);
  EXPECT_LE(relative_error(found.predictions, file.read(name + ".x0")),
            trajectory.prediction_tolerance);
}

class GoldenSamplingInBf16 : public GoldenSampling {
  void SetUp() override { load(std::get<0>(GetParam()), Precision::bf16); }
};

// By the root of mean squares: 0.007 (cpu) and 0.009 (cuda) were seen, of the larger network 0.015.
TEST_P(GoldenSamplingInBf16, Trajectory) {
  const Trajectory& trajectory = std::get<1>(GetParam());
  const std::string name = std::string(trajectory.tau) + "." + trajectory.sampler;
  const io::SafetensorsFile file = open("sampling.safetensors");
  const double error = rms_error(sampled(file, name).states, file.read(name + ".x"));
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LE(error, 0.03);
  EXPECT_GE(error, 1e-4) << "these are no products of bf16";
}

std::vector<std::tuple<GoldenCase, Trajectory>> sampling_cases() {
  std::vector<std::tuple<GoldenCase, Trajectory>> cases;
  for (const GoldenCase& golden : golden_cases())
    for (const Trajectory& trajectory : kTrajectories)
      if (golden.backend != DeviceKind::cuda || trajectory.is_short_choice)
        cases.emplace_back(golden, trajectory);
  return cases;
}

/// One trajectory on each device that has bf16.
std::vector<std::tuple<GoldenCase, Trajectory>> bf16_sampling_cases() {
  std::vector<std::tuple<GoldenCase, Trajectory>> cases;
  for (const auto& one : sampling_cases())
    if (std::get<0>(one).backend != DeviceKind::reference && std::get<1>(one).is_short_choice &&
        std::get<1>(one).options.eta == Eta{1.0})
      cases.push_back(one);
  return cases;
}

std::string name_of_trajectory(const std::tuple<GoldenCase, Trajectory>& param) {
  const auto& [golden, trajectory] = param;
  std::string name = name_of(golden) + "_" + trajectory.tau + "_" + trajectory.sampler;
  std::ranges::replace(name, '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenSampling, testing::ValuesIn(sampling_cases()),
                         [](const auto& one) { return name_of_trajectory(one.param); });

INSTANTIATE_TEST_SUITE_P(All, GoldenSamplingInBf16, testing::ValuesIn(bf16_sampling_cases()),
                         [](const auto& one) { return name_of_trajectory(one.param); });

// So that no trajectory of the files is forgotten above.
TEST(GoldenTrajectories, ListIsComplete) {
  std::vector<std::string> expected = {"x_T"};
  for (const char* tau : {"uniform10", "quad10", "uniform20", "quad20"})
    expected.push_back(std::string(tau) + ".tau");
  for (const Trajectory& trajectory : kTrajectories) {
    for (const char* part : {".x", ".x0", ".noise"})
      expected.push_back(std::string(trajectory.tau) + "." + trajectory.sampler + part);
  }
  std::vector<std::string> found;
  const auto file = io::SafetensorsFile::open("tests/golden/micro/sampling.safetensors");
  for (const io::TensorEntry& entry : file.entries()) found.push_back(entry.name);
  EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace ddim::engine
