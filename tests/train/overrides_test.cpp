#include <gmock/gmock.h>

#include "base/file_output.h"
#include "base/text.h"
#include "model/model_files.h"
#include "model/run_folder.h"
#include "tests/support/expect_error.h"
#include "tests/train/run_fixture.h"
#include "train/config_digest.h"
#include "train/metrics.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::read_text;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHeader = "step,key,before,after\n";

class OverridesTest : public RunTest {
 protected:
  OverridesTest() {
    config_.training.decay = Decay::constant;
    config_.training.warmup_steps = 0;
    config_.output.keep_checkpoints = 100;
    config_.output.log_every_steps = 1;
  }
  TrainConfig own_config() const { return read_config_of_run(folder("run")); }
  std::string overrides() const { return read_text(folder("run") / "overrides.csv"); }
  /// The rate of each step that metrics.csv has.
  std::vector<double> rates() const {
    std::vector<double> found;
    MetricsReader(folder("run")).read_on([&](const MetricsLine& line) {
      found.push_back(line.learning_rate);
    });
    return found;
  }
  /// 0 where nothing is trained yet.
  std::int64_t read_newest_step() const {
    std::int64_t step = 0;
    MetricsReader(folder("run")).read_on([&](const MetricsLine& line) { step = line.step; });
    return step;
  }
  static constexpr const char* kSlower = "training.learning_rate=5e-4";

  TrainConfig config_ = tiny_config();
};

TEST_F(OverridesTest, AnOverrideCountsAlsoWhereTheConfigurationWasChanged) {
  TrainConfig config = tiny_config();
  config.data.validation.source = fs::relative(held_out_data("other, smaller")).string();
  train("run", config, {.max_steps = 5});
  train("run", config, {.start = Start::resume, .max_steps = 6});
  EXPECT_FALSE(fs::exists(folder("run") / "overrides.csv")) << "nothing was changed";
  config.training.learning_rate = 5e-4;
  expect_error(ErrorCode::user, "training.learning_rate is 5e-04, the checkpoint has 0.001\n",
               [&] { train("run", config, {.start = Start::resume}); });
  for (const std::int64_t step : {7, 8})
    train(
        "run", config,
        {.start = Start::resume, .overrides = {"training.learning_rate=5e-4"}, .max_steps = step});
  EXPECT_EQ(read_text(folder("run") / "overrides.csv"),
            "step,key,before,after\n6,training.learning_rate,0.001,5e-04\n");
}

TEST_F(OverridesTest, OverridesAreForKeysThatMayChange) {
  train("run", tiny_config(), {.max_steps = 2});
  const auto refused = [&](const std::string& text, const std::string& message) {
    expect_error(ErrorCode::user, message, [&] {
      train("run", tiny_config(), {.start = Start::resume, .overrides = {text}});
    });
  };
  refused("training.batch=16",
          "--override training.batch=16: a run cannot go on with another training.batch");
  refused("model.dropout=0.5", "a run cannot go on with another model.dropout");
  refused("training.rate=1", "--override training.rate=1: unknown key training.rate");
  refused("training.learning_rate=-1", "training.learning_rate must be above 0");
  refused("training.decay=linear", "training.decay must be \"constant\" or \"cosine\"");
  refused("learning_rate", "expected KEY=VALUE");
  refused("training.learning_rate=1e-4\ntraining.batch=4", "must be one line");
  refused("data.validation=0.2", "another share of its training pictures held out");
  refused("training.learning_rate_final=0.5", "must not be above learning_rate");
  expect_error(ErrorCode::user, "are for a run that is resumed", [&] {
    train("new", tiny_config(), {.overrides = {"training.learning_rate=1e-4"}});
  });
  EXPECT_FALSE(fs::exists(folder("run") / "overrides.csv"));
  test::write_text(folder("run") / "overrides.csv", "step,key,before,after\n1,training.steps\n");
  expect_error(ErrorCode::corrupt, "is not a line of overrides",
               [&] { train("run", tiny_config(), {.start = Start::resume}); });
}

TEST_F(OverridesTest, AKeyHasOneValueOnly) {
  train("run", tiny_config(), {.max_steps = 2});
  expect_error(
      ErrorCode::user,
      "--override training.steps=5 and --override training.steps = 6: training.steps can "
      "have one value only",
      [&] {
        train("run", tiny_config(),
              {.start = Start::resume, .overrides = {"training.steps=5", "training.steps = 6"}});
      });
}

TEST_F(OverridesTest, AnotherConfigurationLeavesTheNameOfTheRun) {
  const auto name_after = [&](const std::string& name, std::vector<std::string> overrides) {
    const std::int64_t last = read_newest_step() + 1;
    config_.output.name = name;
    const TrainSummary result = train("run", config_,
                                      {.start = last == 1 ? Start::fresh : Start::resume,
                                       .overrides = std::move(overrides),
                                       .max_steps = last});
    return model::open_model(result.checkpoint).names.model;
  };
  EXPECT_EQ(name_after("squares", {}), "squares");
  EXPECT_EQ(name_after("", {}), "squares");
  EXPECT_EQ(name_after("", {}), "squares");
  EXPECT_EQ(name_after("circles", {}), "circles");
  EXPECT_EQ(name_after("", {"output.name=\"\""}), "run");
}

// The rate that a run was given at step 10 is the one that it goes on with at 5.
TEST_F(OverridesTest, WhatIsInForceIsTheListOfAResumeFromAnEarlierStep) {
  train("run", config_, {.max_steps = 10});
  train("run", config_, {.start = Start::resume, .overrides = {kSlower}, .max_steps = 15});
  const std::string log =
      log_of("run", own_config(), {.start = Start::resume, .resume_from = 5, .max_steps = 10});
  EXPECT_THAT(log, HasSubstr("training.learning_rate is 5e-04 from here on, was 0.001"));
  EXPECT_EQ(overrides(), concat(kHeader, "5,training.learning_rate,0.001,5e-04\n"));
  EXPECT_EQ(rates().at(4), 1e-3);
  EXPECT_EQ(rates().at(5), 5e-4);
  EXPECT_EQ(read_text(folder("run") / "abandoned-1/overrides.csv"),
            concat(kHeader, "10,training.learning_rate,0.001,5e-04\n"));

  // And back, to what the configuration said at first.
  train("run", config_, {.start = Start::resume, .resume_from = 5, .max_steps = 10});
  EXPECT_EQ(overrides(), kHeader);
  EXPECT_EQ(rates().at(9), 1e-3);
  train("run", config_, {.start = Start::resume, .overrides = {kSlower}, .max_steps = 15});
  EXPECT_EQ(overrides(), concat(kHeader, "10,training.learning_rate,0.001,5e-04\n"));
}

TEST_F(OverridesTest, TheSameValueAgainIsAChangeAgain) {
  train("run", config_, {.max_steps = 5});
  train("run", config_, {.start = Start::resume, .overrides = {kSlower}, .max_steps = 10});
  train("run", config_, {.start = Start::resume, .resume_from = 5, .max_steps = 10});
  for (const std::int64_t last : {15, 20})
    train("run", config_, {.start = Start::resume, .overrides = {kSlower}, .max_steps = last});
  EXPECT_EQ(overrides(), concat(kHeader, "10,training.learning_rate,0.001,5e-04\n"));
}

TEST_F(OverridesTest, ALongerRunOfANamedConfigurationIsRecorded) {
  train("run", config_, {});
  config_.training.steps = 22;
  const std::string log = log_of("run", config_, {.start = Start::resume});
  EXPECT_THAT(log, HasSubstr("training.steps is 22 from here on, was 20"));
  EXPECT_EQ(overrides(), concat(kHeader, "20,training.steps,20,22\n"));
}

TEST_F(OverridesTest, ALongerRunMayHaveAnotherRateFromThereOn) {
  train("run", config_, {.max_steps = 12});
  config_.training.steps = 30;
  const std::string log = log_of(
      "run", config_,
      {.start = Start::resume, .overrides = {"training.learning_rate=1e-4"}, .max_steps = 14});
  EXPECT_THAT(log, Not(HasSubstr("ended by")));
  EXPECT_EQ(overrides(), concat(kHeader, "12,training.steps,20,30\n",
                                "12,training.learning_rate,0.001,1e-04\n"));
  EXPECT_EQ(rates().at(11), 1e-3);
  EXPECT_EQ(rates().at(12), 1e-4);

  // Not where it would have changed the steps done, whatever is named beside.
  config_.training.decay = Decay::cosine;
  config_.training.decay_steps = 25;
  expect_error(ErrorCode::user, "\n  training.decay is \"cosine\", the checkpoint has", [&] {
    train("run", config_, {.start = Start::resume, .overrides = {"training.learning_rate=1e-5"}});
  });
}

// Killed between the two files: what the next start goes on with is what the list says.
TEST_F(OverridesTest, TheConfigurationCountsWhereTheListDoesNotAgreeWithIt) {
  train("run", config_, {.max_steps = 5});
  const std::string before = read_text(folder("run") / "config.toml");
  const std::string digest_before = read_text(folder("run") / "config.toml.sha256");
  train("run", config_, {.start = Start::resume, .overrides = {kSlower}, .max_steps = 5});
  fs::remove(folder("run") / "overrides.csv");
  train("run", own_config(), {.start = Start::resume, .max_steps = 6});
  EXPECT_EQ(rates().at(5), 5e-4);
  EXPECT_EQ(overrides(), concat(kHeader, "5,training.learning_rate,0.001,5e-04\n"));

  // As earlier versions were killed, which wrote the list first.
  train("run", own_config(), {.start = Start::resume, .resume_from = 5, .max_steps = 5});
  test::write_text(folder("run") / "config.toml", before);
  test::write_text(folder("run") / "config.toml.sha256", digest_before);
  train("run", own_config(), {.start = Start::resume, .max_steps = 6});
  EXPECT_EQ(rates().at(5), 1e-3);
  EXPECT_EQ(overrides(), kHeader);
}

TEST_F(RunTest, ANewNameIsThatOfTheNextCheckpoint) {
  train("run", tiny_config(), {.max_steps = 5});
  const auto resume_to = [&](std::int64_t last) {
    return log_of(
        "run", tiny_config(),
        {.start = Start::resume, .overrides = {"output.name=circles"}, .max_steps = last});
  };
  const auto name = [&] {
    return model::open_model(model::newest_checkpoint(folder("run"))).names.model;
  };
  const std::string line =
      "resume: the model is called \"circles\" in checkpoints from the next one on, was \"run\"\n";
  const std::string idle = resume_to(5);
  EXPECT_THAT(idle, HasSubstr(line));
  EXPECT_THAT(idle, Not(HasSubstr("saved ")));
  EXPECT_EQ(name(), "run");
  EXPECT_THAT(resume_to(6), AllOf(HasSubstr(line), HasSubstr("saved ")));
  EXPECT_EQ(name(), "circles");
  EXPECT_THAT(resume_to(7), Not(HasSubstr("is called")));
  EXPECT_FALSE(fs::exists(folder("run") / "overrides.csv")) << "it has no part in the result";
}

}  // namespace
}  // namespace ddim::engine::train
