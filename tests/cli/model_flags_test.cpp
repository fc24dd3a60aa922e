// Models whose files do not say everything, and flags that say it in their place.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// run/checkpoint-7 as accelerate leaves it: two sets of weights and no schedule.
class ModelFlags : public testing::Test {
 protected:
  ModelFlags() : model_(folder_ / "micro"), checkpoint_(folder_ / "run/checkpoint-7") {
    make_micro_model(model_);
    fs::create_directories(checkpoint_);
    const std::string rounded = folder_ / "rounded";
    EXPECT_EQ(run_ddim("convert " + model_ + " " + rounded + " --dtype bf16").exit_code, 0);
    fs::copy(model_ + "/unet", checkpoint_ + "/unet");
    fs::copy(rounded + "/unet", checkpoint_ + "/unet_ema");
  }

  Outcome draw(const std::string& file, const std::string& flags) {
    return run_ddim("sample --model " + checkpoint_ + " --count 1 --steps 2 --out " +
                    (folder_ / file) + " " + flags);
  }
  Json recipe_of(const std::string& file) {
    return Json::parse(run_ddim("info --json " + (folder_ / file)).out);
  }

  TemporaryFolder folder_;
  std::string model_, checkpoint_;
};

TEST_F(ModelFlags, EndsOfBetasAreNotForACosineSchedule) {
  const std::string file = model_ + "/scheduler/scheduler_config.json";
  Json config = Json::parse(read_file(file));
  config["beta_schedule"] = "squaredcos_cap_v2";
  write_file(file, config.dump());
  const Outcome refused = run_ddim("plan --beta-end 0.5 --model " + model_);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(has(refused.err, file + ", with beta_end 0.5 as given: the schedule is cosine"))
      << refused.err;
  EXPECT_EQ(run_ddim("plan --beta-end 0.5 --schedule linear --steps 5 --T 40 --model " + model_)
                .exit_code,
            0);
}

TEST_F(ModelFlags, AScheduleIsAskedForAndRemembered) {
  const Outcome asked = draw("a.png", "");
  EXPECT_EQ(asked.exit_code, 1);
  EXPECT_TRUE(has(asked.err, "scheduler_config.json: no such file")) << asked.err;
  EXPECT_TRUE(has(asked.err, "--schedule")) << asked.err;

  const Outcome drawn = draw("a.png",
                             "--schedule scaled-linear --beta-start 0.001 --beta-end 0.03 --T 200 "
                             "--prediction v --weights raw");
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_TRUE(has(drawn.err, "unet_ema/ is the moving average")) << drawn.err;
  const Json recipe = recipe_of("a.png");
  EXPECT_EQ(recipe.at("schedule"), "scaled-linear");
  EXPECT_EQ(recipe.at("beta_start"), "0.001");
  EXPECT_EQ(recipe.at("beta_end"), "0.03");
  EXPECT_EQ(recipe.at("T"), "200");
  EXPECT_EQ(recipe.at("prediction"), "v");
  EXPECT_EQ(recipe.at("weights"), "raw");

  const Outcome again = run_ddim("sample --like " + (folder_ / "a.png") + " --model " +
                                 checkpoint_ + " --out " + (folder_ / "b.png"));
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(read_file(folder_ / "a.png"), read_file(folder_ / "b.png"));
}

TEST_F(ModelFlags, TheFinishedFolderAboveSaysTheSchedule) {
  fs::copy(model_ + "/scheduler", folder_ / "run/scheduler");
  const Outcome info = run_ddim("info " + checkpoint_);
  ASSERT_EQ(info.exit_code, 0) << info.err;
  EXPECT_TRUE(has(info.out, "checkpoint of accelerate")) << info.out;
  EXPECT_TRUE(has(info.out, "choose the weights ema (the default) or raw")) << info.out;
  EXPECT_TRUE(has(info.out, "run/scheduler/scheduler_config.json")) << info.out;
  ASSERT_EQ(draw("ema.png", "--quiet").exit_code, 0);
  ASSERT_EQ(draw("raw.png", "--weights raw").exit_code, 0);
  EXPECT_NE(recipe_of("ema.png").at("model_hash"), recipe_of("raw.png").at("model_hash"));
  EXPECT_FALSE(recipe_of("ema.png").contains("schedule"));
  EXPECT_EQ(draw("quiet.png", "--quiet").err, "");
}

TEST_F(ModelFlags, TheSizeOfThePictures) {
  for (const auto& [flag, size] :
       {std::pair{"--size 16", "16x16x3"}, {"--size 12x8", "12x8x3"}, {"--size 8x12", "8x12x3"}}) {
    const std::string file = std::string(size) + ".png";
    const Outcome run = draw(file, std::string("--schedule linear ") + flag);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(recipe_of(file).at("size"), size);
  }
  for (const char* bad : {"0", "x8", "8x", "8x8x3", "wide", "-8"}) {
    const Outcome run = draw("bad.png", std::string("--schedule linear --size=") + bad);
    EXPECT_EQ(run.exit_code, 1) << bad;
    EXPECT_TRUE(has(run.err, "--size: expected a side")) << run.err;
  }
  EXPECT_TRUE(has(run_ddim("plan --size 8").err, "--size needs --model"));
}

TEST_F(ModelFlags, PlanInfoConvertAndBenchTakeThem) {
  EXPECT_EQ(
      run_ddim("plan --model " + checkpoint_ + " --schedule cosine --T 50 --steps 5").exit_code, 0);
  const Json plan =
      Json::parse(run_ddim("plan --json --model " + model_ + " --T 50 --tau linear --steps 5").out);
  EXPECT_EQ(plan.at("steps")[0].at("t"), 49);
  const Json info = Json::parse(
      run_ddim("info --json " + checkpoint_ + " --schedule linear --T 50 --size 16").out);
  EXPECT_EQ(info.at("T"), 50);
  EXPECT_EQ(info.at("height"), 16);
  EXPECT_EQ(info.at("learns_variance"), false);
  EXPECT_EQ(run_ddim("bench --model " + checkpoint_ +
                     " --schedule linear --batch 1 --threads 1 --repetitions 1")
                .exit_code,
            0);
  const std::string both = folder_ / "both";
  const Outcome converted = run_ddim("convert " + checkpoint_ + " " + both +
                                     " --schedule linear --unet-ema --old-attention-names");
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_TRUE(fs::exists(both + "/unet_ema/config.json"));
  EXPECT_EQ(Json::parse(run_ddim("info --json " + both).out).at("has_both_weights"), true);
}

TEST_F(ModelFlags, ALearnedVarianceNeedsItsNetwork) {
  const Outcome run = draw("no.png", "--schedule linear --sampler ddpm-learned");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_TRUE(has(run.err, "ddpm-learned needs a network that predicts a variance")) << run.err;
}

}  // namespace
}  // namespace ddim::cli_test
