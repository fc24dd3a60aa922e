// What a run says of its configuration, of its held-out pictures, and where these are others now.
#include <gmock/gmock.h>

#include <string>

#include "io/png.h"
#include "tests/support/expect_error.h"
#include "tests/train/run_fixture.h"
#include "train/config_digest.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using ChangedConfig = RunTest;

TEST_F(ChangedConfig, KeysWithoutEffectAreTold) {
  TrainConfig config = tiny_config();
  config.training.decay = Decay::constant;
  config.training.decay_steps = 400;
  config.training.learning_rate_final = 0.5;  // above the rate, which does not fall
  config.output.validate_every_steps = 3;
  config.output.sample_count = 4;
  config.diffusion.schedule = BetaKind::cosine;
  config.diffusion.beta_end = 0.03;
  const std::string log = log_of("run", config, {.max_steps = 1});
  for (const char* line :
       {"config: training.decay_steps = 400 has no effect while training.decay is \"constant\"\n",
        "config: training.learning_rate_final = 0.5 has no effect while training.decay is "
        "\"constant\"\n",
        "config: output.validate_every_steps = 3 has no effect without data.validation\n",
        "config: output.sample_count = 4 has no effect while output.sample_every_steps is 0\n",
        "config: diffusion.beta_end = 0.03 has no effect while diffusion.schedule is \"cosine\"\n"})
    EXPECT_THAT(log, HasSubstr(line));
  EXPECT_THAT(log_of("plain", tiny_config(), {.max_steps = 1}), Not(HasSubstr("no effect")));
}

TEST_F(ChangedConfig, FilesThatAreLeftOutOfTheHeldOutPicturesAreTold) {
  TrainConfig config = tiny_config();
  config.data.skip_corrupt = true;
  config.data.validation.source = class_pictures("held-out", {"any"}).string();
  test::write_text(folder("held-out") / "any/bad.png", "no picture");
  config.output.validation_count = 3;
  const std::string log = log_of("run", config, {.max_steps = 1});
  EXPECT_THAT(log, HasSubstr("validation: skipped: "));
  EXPECT_THAT(log, HasSubstr("validation: 3 of 4 held-out images, evenly spaced\n"));
  const TrainSummary resumed = train("run", config, {.start = Start::resume, .max_steps = 2});
  EXPECT_THAT(resumed.skipped_files, testing::ElementsAre(HasSubstr("any/bad.png")));
}

TEST_F(ChangedConfig, HeldOutPicturesMayMoveAndALineSaysSo) {
  TrainConfig config = tiny_config();
  const fs::path before = held_out_data("before");
  config.data.validation.source = before.string();
  train("run", config, {.max_steps = 6});
  const std::string was = ", was \"" + before.string() + "\"\n";
  const fs::path here = folder("here, now"), there = folder("there");
  fs::rename(before, here);
  expect_error(ErrorCode::io, "--override data.validation=PATH",
               [&] { train("run", config, {.start = Start::resume}); });
  const fs::path relative = fs::relative(here);
  const std::string absolute = fs::absolute(relative).string();
  const std::string log = log_of("run", read_config_of_run(folder("run")),
                                 {.start = Start::resume,
                                  .overrides = {"data.validation = " + relative.string()},
                                  .max_steps = 7});
  EXPECT_THAT(log, HasSubstr("resume: data.validation is \"" + absolute + "\"" + was));
  EXPECT_EQ(read_config_of_run(folder("run")).data.validation.source, absolute);
  EXPECT_FALSE(fs::exists(folder("run") / "overrides.csv")) << "it has no part in the result";
  EXPECT_THAT(
      log_of("run", read_config_of_run(folder("run")), {.start = Start::resume, .max_steps = 8}),
      Not(HasSubstr("data.validation is")));

  fs::rename(here, there);
  config.data.validation.source = there.string();  // by a named configuration, as before
  EXPECT_THAT(log_of("run", config, {.start = Start::resume, .max_steps = 9}),
              HasSubstr("resume: data.validation is \"" + there.string() + "\""));
  EXPECT_THAT(log_of("run", read_config_of_run(folder("run")),
                     {.start = Start::resume, .overrides = {"data.validation=0.0"}}),
              AllOf(HasSubstr("resume: data.validation is 0.0, was"), Not(HasSubstr("ended by"))));
}

// A row of the network that no picture is of has learnt nothing.
TEST_F(ChangedConfig, OnlyClassesWithPicturesAreDrawn) {
  TrainConfig config = config_with_classes(5);
  config.output.sample_every_steps = 1;
  config.output.sample_count = 6;
  config.output.sample_steps = 2;
  train("run", config, {.data = class_pictures("pets", {"cat", "dog"}), .max_steps = 1});
  const Image grid =
      io::read_png(folder("run") / "samples" / "step-00000001.png", io::Channels::grey).image;
  EXPECT_EQ(grid.width, 2 + 2 * (8 * 8 + 2));  // a column for each class
}

}  // namespace
}  // namespace ddim::engine::train
