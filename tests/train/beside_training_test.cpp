#include <gmock/gmock.h>

#include <stdexcept>
#include <stop_token>
#include <thread>

#include "base/file_output.h"
#include "io/png.h"
#include "tests/support/expect_error.h"
#include "tests/train/run_fixture.h"
#include "train/metrics.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::read_text;
using ::testing::HasSubstr;
using ::testing::Not;

/// What a run makes beside its checkpoints, and what happens to these when something else fails.
class BesideTest : public RunTest {
 protected:
  BesideTest() {
    config_.output.sample_every_steps = 4;
    config_.output.sample_count = 2;
    config_.output.sample_steps = 2;
  }
  fs::path checkpoint(const std::string& step) const {
    return folder("run") / "checkpoints" / ("step-000000" + step);
  }

  TrainConfig config_ = tiny_config();
};

// Neither curves nor pictures are worth the steps since the last checkpoint.
TEST_F(BesideTest, GoesOnWhereCurvesAndPicturesCannotBeWritten) {
  train("run", config_, {.max_steps = 2});
  fs::remove_all(folder("run") / "samples");
  fs::create_symlink("nowhere", folder("run") / "samples");
  fs::remove(folder("run") / "loss.svg");
  fs::create_directory(folder("run") / "loss.svg");
  const std::string log = log_of("run", config_, {.start = Start::resume});
  EXPECT_THAT(log, HasSubstr("warning: step 4: could not draw samples: "));
  EXPECT_THAT(log, HasSubstr("could not draw loss.svg: "));
  EXPECT_THAT(log, Not(HasSubstr("ended by")));
  EXPECT_TRUE(fs::exists(checkpoint("20")));
}

TEST_F(BesideTest, GoesOnWhereTensorboardsFileCannotBeOpened) {
  const std::string expected = state_hash(train("whole", config_, {}));
  train("run", config_, {.max_steps = 2});
  const fs::path events = folder("run") / "tensorboard/events.out.tfevents.ddim";
  const auto go_on = [&](std::int64_t last) {
    const std::string log = log_of("run", config_, {.start = Start::resume, .max_steps = last});
    EXPECT_THAT(log, HasSubstr("warning: TensorBoard keeps the curves of steps after ")) << last;
    EXPECT_THAT(log, HasSubstr("warning: nothing more for TensorBoard in this session: "));
    EXPECT_THAT(log, Not(HasSubstr("ended by")));
  };
  fs::remove(events);
  fs::create_symlink(events.filename(), events);  // leads to itself
  go_on(4);
  EXPECT_TRUE(fs::is_symlink(events)) << "what cannot be read is not replaced";
  fs::remove_all(events.parent_path());
  test::write_text(events.parent_path(), "a file");
  const std::string log = log_of("run", config_, {.start = Start::resume});
  EXPECT_THAT(log, HasSubstr("warning: nothing more for TensorBoard in this session: "));
  EXPECT_EQ(sha256_of_file(checkpoint("20") / "state.safetensors"), expected);
}

// A user's function, a file that cannot grow ...
TEST_F(BesideTest, WhatEndsTheRunDoesNotTakeTheStepsSinceTheLastSave) {
  const auto fails_at_8 = [](const TrainProgress& progress) {
    if (progress.step == 8) throw Error(ErrorCode::io, "cannot write metrics.csv");
  };
  const std::string log = log_of("run", config_, {.progress = fails_at_8});
  EXPECT_THAT(log, HasSubstr("saved " + checkpoint("08").string()));
  EXPECT_THAT(log, HasSubstr("ended by: cannot write metrics.csv"));
  const TrainSummary rest = train("run", config_, {.start = Start::resume});
  EXPECT_EQ(rest.steps_here, 12);
  EXPECT_EQ(state_hash(rest), state_hash(train("whole", config_, {})));
}

TEST_F(BesideTest, TheLineOfAStepThatIsSavedAfterAnErrorIsWrittenToo) {
  config_.output.log_every_steps = 1;
  config_.output.evaluate_every_steps = 8;
  const MeasureQuality fails = [](const run::TrainedNetwork&, const TrainConfig&,
                                  const TrainingData&, const RunOptions&) -> MeasuredQuality {
    throw std::logic_error("between the step and its line");
  };
  EXPECT_THROW(train_and_measure("run", config_, fails), std::logic_error);
  EXPECT_TRUE(fs::exists(checkpoint("08")));
  config_.output.evaluate_every_steps = 0;
  train("run", config_, {.start = Start::resume});
  train("whole", config_, {});
  EXPECT_EQ(metrics_without_times("run"), metrics_without_times("whole"));
}

TEST_F(BesideTest, AFolderThatWasMovedIsToldAndNotMadeAnew) {
  const auto move_at_6 = [&](const TrainProgress& progress) {
    if (progress.step != 8) return;
    while (!fs::exists(checkpoint("05"))) std::this_thread::yield();  // it is written beside
    fs::rename(folder("run"), folder("elsewhere"));
  };
  const std::string log = log_of("run", config_, {.progress = move_at_6});
  EXPECT_THAT(log,
              HasSubstr("ended by: train: " + folder("run").string() + " is not there any more"));
  EXPECT_FALSE(fs::exists(folder("run")));
  EXPECT_EQ(train("elsewhere", config_, {.start = Start::resume}).steps_here, 15);
}

// A stop waits for neither, so a resumed run does them first.
TEST_F(BesideTest, WhatAStopCutShortIsMadeByTheResumedRun) {
  config_.output.evaluate_every_steps = 4;
  std::stop_source stop;
  bool stops = true;
  const MeasureQuality measure = [&](const run::TrainedNetwork&, const TrainConfig&,
                                     const TrainingData&, const RunOptions&) -> MeasuredQuality {
    if (!stops) return {.eps_error = 0.25, .kernel_distance = 1.0 / 3};
    stop.request_stop();
    throw Error(ErrorCode::interrupted, "stopped");
  };
  const TrainSummary first = train_and_measure("run", config_, measure, {.stop = stop.get_token()});
  EXPECT_EQ(first.steps, 4);
  EXPECT_EQ(first.ending, TrainEnding::interrupted);
  stops = false;
  train_and_measure("run", config_, measure, {.start = Start::resume});
  train_and_measure("whole", config_, measure);
  EXPECT_EQ(metrics_without_times("run"), metrics_without_times("whole"));
  for (const char* name : {"samples/step-00000004.png", "samples/step-00000008.png"})
    EXPECT_EQ(read_text(folder("run") / name), read_text(folder("whole") / name)) << name;
  const auto lines = [&](const std::string& run) {
    const std::string text = read_text(folder(run) / "metrics.jsonl");
    return std::ranges::count(text, '\n');
  };
  EXPECT_EQ(lines("run"), lines("whole"));
  EXPECT_THAT(read_text(folder("run") / "metrics.jsonl"),
              HasSubstr("\"eps_error\": 0.25, \"kernel_distance\": 0.333333}\n{\"step\": 6"));
}

TEST_F(BesideTest, AStopSaysWhatItCutShort) {
  config_.output.evaluate_every_steps = 4;
  std::stop_source stop;
  const MeasureQuality measure = [&](const run::TrainedNetwork&, const TrainConfig&,
                                     const TrainingData&, const RunOptions&) -> MeasuredQuality {
    stop.request_stop();
    throw Error(ErrorCode::interrupted, "stopped");
  };
  testing::internal::CaptureStderr();
  train_and_measure("run", config_, measure,
                    {.show_progress = ShowProgress::on_stderr, .stop = stop.get_token()});
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("step 4: stopped before it could measure the averaged weights"));
  EXPECT_THAT(log, HasSubstr("step 4: stopped before it could draw samples"));
}

// Killed after step 7: its weights are lost, and those of the steps that are done again are others.
TEST_F(BesideTest, AResumedRunKeepsNothingOfStepsThatItDoesAgain) {
  config_.output.sample_every_steps = 3;
  config_.output.log_every_steps = 1;
  const fs::path events = folder("run") / "tensorboard/events.out.tfevents.ddim";
  const fs::path samples = folder("run") / "samples";
  train("run", config_, {.max_steps = 5});
  const std::string events_before = read_text(events);
  train("run", config_, {.start = Start::resume, .max_steps = 7});
  fs::remove_all(checkpoint("07"));
  test::write_text(samples / "step-8 of mine.txt", "a note");
  ASSERT_TRUE(fs::exists(samples / "step-00000006.png"));
  ASSERT_GT(read_text(events).size(), events_before.size());

  TrainOptions options{.start = Start::resume,
                       .overrides = {"output.tensorboard=false", "training.ema_decay=0.5"},
                       .max_steps = 5};
  train("run", config_, options);
  EXPECT_EQ(read_text(events), events_before) << "though nothing is written for TensorBoard";
  EXPECT_FALSE(fs::exists(samples / "step-00000006.png"));
  EXPECT_TRUE(fs::exists(samples / "step-00000003.png"));
  EXPECT_TRUE(fs::exists(samples / "step-8 of mine.txt"));
  EXPECT_EQ(read_text(folder("run") / "metrics.csv").find("\n6,"), std::string::npos);
}

// The run was killed before its first checkpoint.
TEST_F(BesideTest, ARunThatBeginsAgainKeepsNothingOfItsSteps) {
  train("run", config_, {.max_steps = 4});
  fs::remove_all(checkpoint("04"));
  ASSERT_TRUE(fs::exists(folder("run") / "samples/step-00000004.png"));
  train("run", config_, {.start = Start::resume, .max_steps = 1});
  EXPECT_FALSE(fs::exists(folder("run") / "samples/step-00000004.png"));
}

// Checkpoints are large, and may be on another disk than the rest.
TEST_F(BesideTest, GoesBackWhereTheCheckpointsAreOnAnotherDisk) {
  const fs::path other_disk = fs::path("/dev/shm") / temporary_.path().filename();
  std::error_code none;
  if (!fs::create_directories(other_disk / "disk", none)) GTEST_SKIP() << "no other disk";
  train("run", config_, {.max_steps = 5});
  for (const char* name : {"checkpoints", "samples"}) {
    fs::copy(folder("run") / name, other_disk / name, fs::copy_options::recursive);
    fs::remove_all(folder("run") / name);
    fs::create_directory_symlink(other_disk / name, folder("run") / name);
  }
  train("run", config_, {.start = Start::resume, .max_steps = 10});
  const std::string log =
      log_of("run", config_, {.start = Start::resume, .resume_from = 5, .max_steps = 6});
  EXPECT_THAT(log, Not(HasSubstr("ended by"))) << log;
  EXPECT_FALSE(fs::exists(checkpoint("10")));
  EXPECT_TRUE(fs::exists(folder("run") / "abandoned-1/checkpoints/step-00000010/manifest.json"));
  EXPECT_TRUE(fs::exists(folder("run") / "abandoned-1/samples/step-00000008.png"));
  EXPECT_FALSE(fs::exists(folder("run") / "abandoned-2"));
  fs::remove_all(other_disk);
}

// Its grids would be among the pictures of the next start.
TEST_F(BesideTest, ARunIsNotAmongItsPictures) {
  for (int i = 0; i < 8; ++i)
    io::write_png(made(folder("pictures/a")) / (std::to_string(i) + ".png"),
                  {8, 8, 1, std::vector<std::uint8_t>(64, static_cast<std::uint8_t>(i))}, {},
                  Overwrite::refuse);
  fs::create_directory_symlink("pictures", folder("link"));
  const auto start = [&](const fs::path& data, const fs::path& out) {
    return run_training({.config = config_, .data = data, .out = out, .max_steps = 1},
                        make_device(DeviceKind::cpu));
  };
  for (const fs::path& out : {folder("pictures/run"), folder("link/runs/run"),
                              folder("pictures/a/../b/run"), folder("pictures/../pictures/run")})
    expect_error(ErrorCode::user, "is among the training pictures",
                 [&] { start(folder("pictures"), out); });
  EXPECT_FALSE(fs::exists(folder("pictures/run")));
  EXPECT_NO_THROW(start(folder("pictures"), folder("pictures-run")));
  EXPECT_NO_THROW(start(folder("data"), folder("data/run")));  // idx files: only these are read
}

}  // namespace
}  // namespace ddim::engine::train
