#include <ddim/image.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;

constexpr const char* kModel = "tests/diffusers/goldens/no_middle_attention";  // offset 1, clips

class Conventions : public testing::Test {
 protected:
  Outcome sample(const std::string& flags) const {
    return run_ddim(std::string("sample --overwrite --steps 3 --count 1 --model ") + kModel +
                    " --out " + (folder_ / "a.png") + " " + flags);
  }
  static Outcome plan(const std::string& flags) {
    return run_ddim(std::string("plan --steps 3 --json --model ") + kModel + " " + flags);
  }
  static void expect_in(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }

  TemporaryFolder folder_;
};

TEST_F(Conventions, OfDiffusersTakesTheSchedulerFileAtItsWord) {
  const Outcome run = sample("--as diffusers");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  expect_in(run.err,
            "as diffusers' DDIMScheduler: leading steps with offset 1, x0 clipped to [-1, 1], last "
            "step to the first training step (a little noise remains)");
  const auto pixels = read_png(folder_ / "a.png").pixels;
  ASSERT_EQ(sample("--tau diffusers-leading --steps-offset 1 --clip --final-alpha first").exit_code,
            0);
  EXPECT_EQ(read_png(folder_ / "a.png").pixels, pixels);
  const Json steps = Json::parse(plan("--as diffusers").out).at("steps");
  EXPECT_EQ(steps[0].at("t"), 667);  // 2 * 333 + 1
  EXPECT_EQ(steps[2].at("t"), 1);
}

TEST_F(Conventions, OfThePaperIsTheDefaultAndSaysWhatItLeavesOut) {
  const Outcome run = sample("");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  expect_in(run.err,
            "as in the DDIM paper: evenly spaced steps, no clipping; the model's scheduler file "
            "asks for x0 clipped to [-1, 1]");
  const std::string pixels = read_file(folder_ / "a.png");
  EXPECT_EQ(sample("--as paper").exit_code, 0);
  EXPECT_EQ(read_file(folder_ / "a.png"), pixels);
  expect_in(sample("--clip").err, "with sampler ddim, 3 steps, linear, clipping keep-eps");
  EXPECT_EQ(sample("--as paper --tau quadratic").exit_code, 0);
  EXPECT_EQ(Json::parse(plan("").out).at("steps")[0].at("t"), 999);
}

TEST_F(Conventions, OfThePaperSaysWhichSamplerRuns) {
  expect_in(sample("--as paper").err, "as in the DDIM paper");
  expect_in(sample("--as paper --sampler ab2").err, "with sampler ab2, 3 steps, linear");
  expect_in(sample("--as paper --tau quadratic").err, "with sampler ddim, 3 steps, quadratic");
}

TEST_F(Conventions, ContradictionsAreRefusedByName) {
  const auto refused = [&](const Outcome& run, const std::string& message) {
    EXPECT_EQ(run.exit_code, 1);
    expect_in(run.err, message);
  };
  refused(sample("--as diffusers --tau linear"), "--as diffusers and --tau cannot be combined");
  refused(sample("--as diffusers --clip"), "--as diffusers and --clip cannot be combined");
  refused(sample("--as diffusers --sampler heun"), "--as diffusers and --sampler cannot");
  refused(sample("--as paper --clip"), "--as paper and --clip cannot be combined");
  refused(plan("--as paper --final-alpha first"), "--as paper and --final-alpha cannot");
  refused(run_ddim("plan --as diffusers"), "--as needs --model");
  EXPECT_EQ(sample("--as others").exit_code, 2);
}

}  // namespace
}  // namespace ddim::cli_test
