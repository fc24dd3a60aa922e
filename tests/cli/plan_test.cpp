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

TEST(PlanCommand, TakesListsFromTheCommandLineAndFromFiles) {
  const TemporaryFolder folder;
  write_file(folder / "tau.txt", "0\n10\n99.5\n999\n");
  const Outcome listed = run_ddim("plan --tau 0,10,99.5,999");
  EXPECT_EQ(run_ddim("plan --tau @" + (folder / "tau.txt")).out, listed.out);
  EXPECT_NE(listed.out.find("\n99.500      10 "), std::string::npos) << listed.out;
  EXPECT_NE(listed.out.find("nfe): 4"), std::string::npos);
}

TEST(PlanCommand, TakesEveryForwardProcess) {
  const auto first = [](const std::string& arguments) {
    return Json::parse(run_ddim("plan --steps 10 --json " + arguments).out).at("steps").at(0);
  };
  EXPECT_NEAR(first("").at("sqrt_alpha_bar"), 0.0063528, 1e-6);
  EXPECT_NEAR(first("--schedule scaled-linear").at("sqrt_alpha_bar"), std::sqrt(7.33412e-4), 1e-6);
  EXPECT_NEAR(first("--schedule cosine").at("sqrt_alpha_bar"), std::sqrt(2.428735e-9), 1e-8);
  EXPECT_NEAR(first("--schedule sigmoid").at("sqrt_alpha_bar"), std::sqrt(3.968182e-5), 1e-6);
  EXPECT_EQ(first("--zero-terminal-snr --prediction v").at("snr"), 0.0);
  const Json betas = Json::parse(run_ddim("plan --steps 2 --json --betas 0.1,0.2").out);
  EXPECT_NEAR(betas.at("steps").at(0).at("sqrt_alpha_bar"), std::sqrt(0.9 * 0.8), 1e-12);
}

// What is refused before a model is known is what no model could take.
TEST(PlanCommand, TakesStepsThatALongerProcessHas) {
  const Outcome run = run_ddim("plan --T 2000 --steps 1000 --sampler heun --final-alpha first");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run_ddim("plan --T 1000 --steps 1000 --sampler heun --final-alpha first").exit_code, 1);
  EXPECT_EQ(
      run_ddim("sample --tau 0,5 --sampler heun --final-alpha first --model nowhere --out a.png")
          .err.find("nowhere"),
      std::string::npos);
}

TEST(PlanCommand, TakesAllStepsOfAShortProcess) {
  EXPECT_EQ(Json::parse(run_ddim("plan --T 20 --json").out).at("nfe"), 20);
  EXPECT_EQ(Json::parse(run_ddim("plan --betas 0.1,0.2 --json").out).at("nfe"), 2);
  EXPECT_EQ(run_ddim("plan --T 20 --steps 21").exit_code, 1);
}

TEST(PlanCommand, NamesTheSampler) {
  for (const char* sampler : {"euler-t", "ab4", "heun", "dpmpp-3m", "unipc", "adaptive"}) {
    const Json plan = Json::parse(run_ddim(std::string("plan --json --sampler ") + sampler).out);
    EXPECT_EQ(plan.at("sampler"), sampler);
  }
}

TEST(PlanCommand, SaysWhenAListIsNotWhatWasAskedFor) {
  const Outcome run = run_ddim("plan --steps 30 --tau linear-code");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_NE(run.err.find("30"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace ddim::cli_test
