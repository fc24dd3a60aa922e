// Networks that the diffusers package saved, and what it computes with them (see README.md).

#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "api/model_implementation.h"
#include "tests/diffusers/expected.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;

const fs::path kGoldens = "tests/diffusers/goldens";

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(kGoldens))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

class DiffusersGoldens : public testing::TestWithParam<std::tuple<std::string, DeviceKind>> {
 protected:
  DiffusersGoldens()
      : folder_(kGoldens / std::get<0>(GetParam())),
        model_(Model::load(folder_, {.device = std::get<1>(GetParam())})),
        expected_(io::SafetensorsFile::open(folder_ / "expected.safetensors")) {}

  fs::path folder_;
  Model model_;
  test::Expected expected_;
};

TEST_P(DiffusersGoldens, EpsIsThatOfDiffusers) {
  EXPECT_LE(expected_.eps_distance(*ModelAccess::trained(model_).network), 1e-5);
}

TEST_P(DiffusersGoldens, TenStepsAreThoseOfDiffusers) {
  PlanOptions plan = as_diffusers(model_).options;
  plan.steps = 10;
  std::vector<float> times;
  for (const PlanStep& step : make_plan(model_, plan).steps)
    times.push_back(static_cast<float>(step.t));
  EXPECT_EQ(times, expected_.read("timesteps"));

  const FloatImages x_T = expected_.images("x_T");
  const Samples samples = sample(
      model_,
      {.plan = plan, .count = x_T.count, .class_choice = expected_.class_choice(), .x_T = x_T});
  EXPECT_LE(test::largest_difference(samples.x_0.values, expected_.images("x_0").values), 1e-4);
}

std::string name_of(const testing::TestParamInfo<DiffusersGoldens::ParamType>& info) {
  const auto& [name, device] = info.param;
  return name + (device == DeviceKind::reference ? "_ref" : "_cpu");
}

INSTANTIATE_TEST_SUITE_P(All, DiffusersGoldens,
                         testing::Combine(testing::ValuesIn(golden_names()),
                                          testing::Values(DeviceKind::reference, DeviceKind::cpu)),
                         name_of);

TEST(DiffusersGoldensFolder, HoldsThemAll) { EXPECT_GE(golden_names().size(), 15U); }

}  // namespace
}  // namespace ddim::engine
