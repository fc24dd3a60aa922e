#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;

TEST(PlanCommand, PrintsAStepPerLineAndTheNumberOfCalls) {
  const Outcome run = run_ddim("plan --steps 10 --tau quadratic");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("999"), std::string::npos);
  EXPECT_NE(run.out.find("nfe): 10"), std::string::npos) << run.out;
}

TEST(PlanCommand, JsonHoldsTheSameSteps) {
  const Json plan = Json::parse(run_ddim("plan --steps 20 --eta 1 --json").out);
  EXPECT_EQ(plan.at("nfe"), 20);
  ASSERT_EQ(plan.at("steps").size(), 20U);
  const Json& last = plan.at("steps").back();
  EXPECT_EQ(last.at("t_prev"), -1);
  // eq. 16 with eta = 1 and alpha_bar_prev = 1 is 0; the step before is not.
  EXPECT_EQ(last.at("sigma"), 0.0);
  EXPECT_GT(plan.at("steps")[18].at("sigma"), 0.0);
}

TEST(PlanCommand, TakesTheBetasOfAModel) {
  const TemporaryFolder folder;
  make_micro_model(folder / "micro");
  EXPECT_EQ(run_ddim("plan --model " + (folder / "micro")).out, run_ddim("plan").out);
  EXPECT_NE(run_ddim("plan --beta-end 0.01").out, run_ddim("plan").out);
}

TEST(PlanCommand, SaysWhenAListIsNotWhatWasAskedFor) {
  const Outcome run = run_ddim("plan --steps 30 --tau linear-code");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_NE(run.err.find("30"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace ddim::cli_test
