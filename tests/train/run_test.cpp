#include "train/run.h"

#include <gmock/gmock.h>

#include "base/file_lock.h"
#include "base/file_output.h"
#include "io/npz.h"
#include "io/picture_tensor.h"
#include "io/png.h"
#include "model/model_card.h"
#include "model/model_files.h"
#include "model/run_folder.h"
#include "tests/support/expect_error.h"
#include "tests/train/run_fixture.h"
#include "train/checkpoint.h"
#include "train/config_digest.h"
#include "train/metrics.h"

namespace ddim::engine::train {
namespace {

using test::read_text;

namespace fs = std::filesystem;
using test::expect_error;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(RunTest, LeavesEverythingInItsFolder) {
  TrainConfig config = tiny_config();
  config.output.sample_every_steps = 10;
  config.output.sample_count = 5;
  config.output.sample_steps = 3;
  const TrainSummary result = train("run", config, {});
  EXPECT_EQ(result.ending, TrainEnding::finished);
  EXPECT_EQ(result.steps, 20);
  EXPECT_EQ(result.checkpoint, folder("run") / "checkpoints" / "step-00000020");
  EXPECT_GT(result.ms_per_image, 0.0);
  EXPECT_TRUE(fs::exists(folder("run") / "samples" / "step-00000010.png"));
  EXPECT_TRUE(fs::exists(folder("run") / "samples" / "step-00000020.png"));
  EXPECT_EQ(read_text(folder("run") / "config.toml"), to_toml(config));
  EXPECT_TRUE(fs::exists(folder("run") / "checkpoints" / "step-00000015"));
  EXPECT_FALSE(fs::exists(folder("run") / "checkpoints" / "step-00000010"));  // two are kept
  const std::string csv = read_text(folder("run") / "metrics.csv");
  EXPECT_EQ(std::ranges::count(csv, '\n'), 11);
}

TEST_F(RunTest, StoppedAndResumedIsTheSameAsUninterrupted) {
  const TrainConfig config = tiny_config();
  const TrainSummary whole = train("whole", config, {});
  const std::string expected = state_hash(whole);
  for (const std::int64_t stop : {1, 4, 5, 12, 19}) {
    const std::string run = "stopped-" + std::to_string(stop);
    const TrainSummary first = train(run, config, {.max_steps = stop});
    EXPECT_EQ(first.ending, TrainEnding::step_limit);
    EXPECT_EQ(first.steps, stop);
    TrainConfig other_threads = config;
    other_threads.training.threads = 1 + stop % 3;
    const TrainSummary second = train(run, other_threads, {.start = Start::resume});
    EXPECT_EQ(second.ending, TrainEnding::finished);
    EXPECT_EQ(second.steps_here, 20 - stop);
    EXPECT_EQ(state_hash(second), expected) << "stopped at " << stop;
    EXPECT_EQ(metrics_without_times(run), metrics_without_times("whole"));
  }
}

TEST_F(RunTest, AResumedRunKnowsItsDataWhateverTheirName) {
  const fs::path data = temporary_.path() / "two\nlines\n";
  fs::copy(temporary_.path() / "data", data, fs::copy_options::recursive);
  run_training({.config = tiny_config(), .data = data, .out = folder("run"), .max_steps = 1},
               make_device(DeviceKind::cpu));
  const TrainOptions resume{
      .config = tiny_config(), .out = folder("run"), .start = Start::resume, .max_steps = 2};
  EXPECT_EQ(run_training(resume, make_device(DeviceKind::cpu)).steps, 2);
}

TEST_F(RunTest, AResumedRunKnowsItsData) {
  train("run", tiny_config(), {.max_steps = 3});
  const fs::path data = temporary_.path() / "data";
  EXPECT_EQ(read_text(folder("run") / "data.txt"), data.string() + "\n");
  const TrainOptions resume{.config = tiny_config(), .out = folder("run"), .start = Start::resume};
  EXPECT_EQ(run_training(resume, make_device(DeviceKind::cpu)).steps, 20);
  fs::rename(folder("run") / "data.txt", temporary_.path() / "data.txt");
  fs::create_symlink("data.txt", folder("run") / "data.txt");  // leads to itself
  expect_error(ErrorCode::io, "cannot read " + (folder("run") / "data.txt").string(),
               [&] { run_training(resume, make_device(DeviceKind::cpu)); });
  fs::remove(folder("run") / "data.txt");  // as runs of before
  expect_error(ErrorCode::user,
               "does not say where its training pictures are; name them with --data",
               [&] { run_training(resume, make_device(DeviceKind::cpu)); });
  expect_error(ErrorCode::user, "no data; name the folder", [&] {
    run_training({.config = tiny_config(), .out = folder("new")}, make_device(DeviceKind::cpu));
  });
}

TEST_F(RunTest, MeasuresHeldOutPicturesWithoutTouchingTheRun) {
  const fs::path other = held_out_data("other");
  const std::string expected = state_hash(train("plain", tiny_config(), {}));
  TrainConfig config = tiny_config();
  config.data.validation.source = other.string();
  EXPECT_EQ(state_hash(train("validated", config, {})), expected);
  std::vector<std::int64_t> measured;
  MetricsReader(folder("validated")).read_on([&](const MetricsLine& line) {
    if (line.validation_loss.value_or(0.0) > 0.0) measured.push_back(line.step);
  });
  EXPECT_EQ(measured, (std::vector<std::int64_t>{5, 10, 15, 20}));  // with each checkpoint
  EXPECT_THAT(read_text(folder("validated") / "loss.svg"), HasSubstr("held-out"));

  // It may come and go in a resumed run, which is the same as one without a stop.
  config.output.validate_every_steps = 4;
  train("parts", config, {.max_steps = 7});
  train("parts", config, {.start = Start::resume});
  train("whole", config, {});
  EXPECT_EQ(metrics_without_times("parts"), metrics_without_times("whole"));
  EXPECT_EQ(state_hash(train("parts", tiny_config(), {.start = Start::resume})), expected);

  // A share changes the training pictures.
  config.data.validation = {.share = 0.2};
  expect_error(ErrorCode::user, "\n  data.validation is 0.2, the checkpoint has \"/",
               [&] { train("parts", config, {.start = Start::resume}); });
}

TEST_F(RunTest, DrawsItsCurvesWithEachCheckpoint) {
  TrainConfig config = tiny_config();
  config.output.name = "squares";
  train("run", config, {.max_steps = 10});
  EXPECT_THAT(read_text(folder("run") / "loss.svg"), HasSubstr("squares: 10 steps"));
  EXPECT_GT(fs::file_size(folder("run") / "tensorboard" / "events.out.tfevents.ddim"), 100U);
  config.output.tensorboard = false;
  config.output.log_every_steps = 100;
  train("quiet", config, {.max_steps = 10});
  EXPECT_FALSE(fs::exists(folder("quiet") / "tensorboard"));
  EXPECT_FALSE(fs::exists(folder("quiet") / "loss.svg"));  // nothing to draw yet
}

TEST_F(RunTest, TheModelHasTheNameOfTheRunOrItsOwn) {
  const auto name = [](const TrainSummary& result) {
    return model::open_model(result.checkpoint).names.model;
  };
  TrainConfig config = tiny_config();
  EXPECT_EQ(name(train("run", config, {.max_steps = 1})), "run");
  config.output.name = "my \"squares\"";
  EXPECT_EQ(name(train("named", config, {.max_steps = 1})), "my \"squares\"");
  EXPECT_EQ(name_of_run("runs/faces/", tiny_config()), "faces");
  EXPECT_EQ(name_of_run("runs/faces", tiny_config()), "faces");
}

TEST_F(RunTest, KeepsTheNamesOfTheClasses) {
  TrainConfig config = config_with_classes(2);
  config.output.sample_every_steps = 2;
  config.output.sample_count = 6;
  config.output.sample_steps = 2;
  config.training.steps = 6;
  const TrainSummary result =
      train("run", config, {.data = class_pictures("classes", {"cat", "dog"})});
  EXPECT_THAT(read_text(folder("run") / "classes.csv"), HasSubstr("cat"));
  EXPECT_EQ(model::open_model(result.checkpoint).names.classes,
            (std::vector<std::string>{"cat", "dog"}));
  EXPECT_THAT(model::model_card(model::open_model(result.checkpoint), {}),
              HasSubstr("| classes | cat, dog (numbered from 0) |"));
  const Image grid =
      io::read_png(folder("run") / "samples" / "step-00000006.png", io::Channels::grey).image;
  // A column for each class, enlarged, below two lines of text: the step and the classes.
  EXPECT_EQ(grid.width, 2 + 2 * (8 * 8 + 2));
  EXPECT_EQ(grid.height, 2 * (8 + 2 * 8) + 2 + 3 * (8 * 8 + 2));
}

TEST_F(RunTest, ARunThatLearnsNothingFailsHoweverFewItsSteps) {
  TrainConfig config = tiny_config();
  config.training.learning_rate = 1e6;
  config.training.warmup_steps = 0;
  config.training.clip_norm = 0.0;
  config.training.loss = Loss::sum;
  config.training.decay = Decay::constant;
  train("run", config, {.max_steps = 1});  // a step that ruins the weights
  expect_error(ErrorCode::numeric, "none of the 4 steps done here changed the weights",
               [&] { train("run", config, {.start = Start::resume, .max_steps = 5}); });
  expect_error(ErrorCode::numeric, "10 steps in a row were not finite",
               [&] { train("run", config, {.start = Start::resume, .max_steps = 11}); });
  expect_error(ErrorCode::numeric, "10 steps in a row were not finite",
               [&] { train("run", config, {.start = Start::resume}); });
}

TEST_F(RunTest, StopsWhenAskedAndSaves) {
  std::stop_source stop;
  stop.request_stop();
  const TrainSummary result = train("run", tiny_config(), {.stop = stop.get_token()});
  EXPECT_EQ(result.ending, TrainEnding::interrupted);
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(result.checkpoint.filename(), "step-00000000");
  const TrainSummary rest = train("run", tiny_config(), {.start = Start::resume});
  EXPECT_EQ(state_hash(rest), state_hash(train("whole", tiny_config(), {})));
}

TEST_F(RunTest, ResumingAFinishedRunDoesNothing) {
  const TrainSummary first = train("run", tiny_config(), {});
  const TrainSummary again = train("run", tiny_config(), {.start = Start::resume});
  EXPECT_EQ(again.ending, TrainEnding::finished);
  EXPECT_EQ(again.steps_here, 0);
  EXPECT_EQ(again.checkpoint, first.checkpoint);
  const std::string log = log_of("run", tiny_config(), {.start = Start::resume});
  EXPECT_THAT(log, Not(HasSubstr("saved ")));
  EXPECT_THAT(log, Not(HasSubstr("is called")));
}

TEST_F(RunTest, FallsBackToThePreviousCheckpoint) {
  const std::string expected = state_hash(train("whole", tiny_config(), {}));
  const TrainSummary first = train("run", tiny_config(), {.max_steps = 12});
  fs::resize_file(first.checkpoint / "state.safetensors", 100);
  testing::internal::CaptureStderr();
  const TrainSummary second = train(
      "run", tiny_config(), {.start = Start::resume, .show_progress = ShowProgress::on_stderr});
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(second.steps_here, 10);
  EXPECT_EQ(state_hash(second), expected);
  EXPECT_THAT(log, HasSubstr("step-00000012 is skipped: "));
  EXPECT_THAT(log, HasSubstr("resume: from " + (folder("run") / "checkpoints").string() +
                             "/step-00000010"));
}

// What it went back from is no model of it any more, and is kept.
TEST_F(RunTest, ADamagedCheckpointThatIsSkippedIsNotTheNewestModel) {
  const TrainSummary first = train("run", tiny_config(), {.max_steps = 12});
  fs::resize_file(first.checkpoint / "state.safetensors", 100);
  TrainConfig other = tiny_config();
  other.training.batch = 16;
  expect_error(ErrorCode::user, "\n  training.batch is 16, the checkpoint has 8\n",
               [&] { train("run", other, {.start = Start::resume}); });
  EXPECT_EQ(model::newest_checkpoint(folder("run")), first.checkpoint) << "it did not go on";
  const TrainSummary second =
      train("run", tiny_config(), {.start = Start::resume, .max_steps = 11});
  EXPECT_EQ(model::newest_checkpoint(folder("run")), second.checkpoint);
  EXPECT_TRUE(fs::exists(first.checkpoint.string() + ".damaged"));
}

TEST_F(RunTest, StopsAtWhatCannotBeReadAndChangesNothing) {
  const std::string expected = state_hash(train("whole", tiny_config(), {}));
  const TrainSummary first = train("run", tiny_config(), {.max_steps = 12});
  const auto everything = [&] {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder("run")))
      all.push_back(entry.path().string());
    std::ranges::sort(all);
    return all;
  };
  const std::vector<std::string> before = everything();
  for (const fs::path& file :
       {first.checkpoint / "manifest.json", first.checkpoint / "state.safetensors",
        folder("run") / "metrics.csv", folder("run") / "metrics.jsonl"}) {
    fs::rename(file, temporary_.path() / "good");
    fs::create_symlink(file.filename(), file);  // leads to itself
    expect_error(ErrorCode::io, "cannot read " + file.string(),
                 [&] { train("run", tiny_config(), {.start = Start::resume}); });
    EXPECT_TRUE(fs::is_symlink(file)) << file;
    fs::rename(temporary_.path() / "good", file);
    EXPECT_EQ(everything(), before) << file;
  }
  EXPECT_EQ(state_hash(train("run", tiny_config(), {.start = Start::resume})), expected);
  EXPECT_EQ(metrics_without_times("run"), metrics_without_times("whole"));
}

TEST_F(RunTest, RemovesWhatAKilledRunLeft) {
  train("run", tiny_config(), {.max_steps = 3});
  const auto half = [&](const std::string& name) {
    test::write_text(folder("run") / name, "half");
  };
  half("config.toml.tmp-ddim-0");
  half("metrics.csv.tmp-999999999-0");  // of an earlier version
  half("samples/step-00000002.png.tmp-ddim-0");
  half("tensorboard/events.out.tfevents.ddim.tmp-ddim-3");
  half("checkpoints/step-00000002.tmp-ddim-0/config.toml");
  half("checkpoints/step-00000001.tmp-0/config.toml");  // removed by an earlier version
  half("notes.tmp");
  const std::vector<std::string> a_persons{"backup.tmp-2026-11-28",
                                           "best.png.tmp-7",
                                           "data.txt.tmp-2026-11-28",
                                           "good.tmp-3",
                                           "notes.tmp",
                                           "step-00000001.tmp-12"};
  half("backup.tmp-2026-11-28/checkpoints/step-00000001/config.toml");
  half("data.txt.tmp-2026-11-28/x");  // a folder
  half("samples/best.png.tmp-7");
  half("checkpoints/good.tmp-3/config.toml");
  half("checkpoints/step-00000001.tmp-12");  // a file
  train("run", tiny_config(), {.start = Start::resume, .max_steps = 4});
  std::vector<std::string> temporary;
  for (const auto& entry : fs::recursive_directory_iterator(folder("run")))
    if (entry.path().filename().string().find(".tmp") != std::string::npos)
      temporary.push_back(entry.path().filename().string());
  std::ranges::sort(temporary);
  EXPECT_EQ(temporary, a_persons);
}

TEST_F(RunTest, DoesNotStartOverWhenAllCheckpointsAreDamaged) {
  const TrainSummary first = train("run", tiny_config(), {.max_steps = 3});
  fs::resize_file(first.checkpoint / "state.safetensors", 100);
  expect_error(ErrorCode::corrupt, "no checkpoint in ",
               [&] { train("run", tiny_config(), {.start = Start::resume}); });
}

TEST_F(RunTest, RefusesAFolderThatExistsOrIsMissing) {
  train("run", tiny_config(), {.max_steps = 1});
  const std::string before = read_text(folder("run") / "metrics.csv");
  expect_error(ErrorCode::user, "exists; resume it with --resume",
               [&] { train("run", tiny_config(), {}); });
  EXPECT_EQ(read_text(folder("run") / "metrics.csv"), before);
  expect_error(ErrorCode::user, "there is no run to resume in",
               [&] { train("other", tiny_config(), {.start = Start::resume}); });
  EXPECT_FALSE(fs::exists(folder("other")));
}

// There is nothing to resume in what it left, and nothing to lose.
TEST_F(RunTest, BeginsAnewWhereOneWasKilledBeforeItHadAConfiguration) {
  for (const char* file : {"run/.lock", "run/machine.txt", "run/config.toml.sha256",
                           "run/data.txt.tmp-ddim-0", "run/checkpoints/step-1.tmp-ddim-0/x"})
    test::write_text(temporary_.path() / file, "half");
  train("run", tiny_config(), {.max_steps = 1});
  EXPECT_TRUE(fs::exists(folder("run") / "checkpoints/step-00000001"));
  EXPECT_FALSE(fs::exists(folder("run") / "data.txt.tmp-ddim-0"));

  for (const char* file : {"a/notes.txt", "b/checkpoints/step-00000001/x"}) {
    const fs::path path = temporary_.path() / file;
    test::write_text(path, "a person's");
    const std::string name = path.lexically_relative(temporary_.path()).begin()->string();
    expect_error(ErrorCode::user, folder(name).string() + " exists; resume it",
                 [&] { train(name, tiny_config(), {}); });
    EXPECT_EQ(read_text(path), "a person's");
  }
}

// One that begins from a model has a checkpoint before its configuration.
TEST_F(RunTest, GoesOnWhereOneFromAModelWasKilledBeforeItHadAConfiguration) {
  const fs::path model = train("first", tiny_config(), {.max_steps = 3}).checkpoint;
  TrainConfig config = tiny_config();
  config.training.seed = 7;
  const std::string expected = state_hash(train("whole", config, {.init = model}));

  train("run", config, {.init = model, .max_steps = 4});
  fs::remove_all(folder("run") / "checkpoints/step-00000004");
  for (const char* file : {"config.toml", "config.toml.sha256", "metrics.csv", "metrics.jsonl"})
    fs::remove(folder("run") / file);
  expect_error(ErrorCode::user, "exists; resume it",
               [&] { train("run", config, {.init = model}); });
  EXPECT_EQ(to_toml(read_config_of_run(folder("run"))), to_toml(config));
  test::write_text(folder("run") / "checkpoints/step-00000009/config.toml", "[training]\n");
  EXPECT_EQ(to_toml(read_config_of_run(folder("run"))), to_toml(config));  // of a whole one
  fs::remove_all(folder("run") / "checkpoints/step-00000009");
  EXPECT_EQ(state_hash(train("run", read_config_of_run(folder("run")), {.start = Start::resume})),
            expected);
  EXPECT_EQ(metrics_without_times("run"), metrics_without_times("whole"));
}

TEST_F(RunTest, BadInputLeavesNothingBehind) {
  TrainConfig config = tiny_config();
  config.model.sample_size = 32;
  expect_error(ErrorCode::user, "not 32x32 (width, height); choose pad or crop-resize",
               [&] { train("run", config, {}); });
  EXPECT_FALSE(fs::exists(folder("run")));
}

TEST_F(RunTest, NamesTheFolderThatCannotBeMade) {
  test::write_bytes(folder("file"), {});
  expect_error(ErrorCode::io, (folder("file") / "run").string(),
               [&] { train("file/run", tiny_config(), {}); });
  train("run", tiny_config(), {.max_steps = 1});
  fs::remove_all(folder("run") / "checkpoints");
  test::write_bytes(folder("run") / "checkpoints", {});
  expect_error(ErrorCode::io, (folder("run") / "checkpoints").string(),
               [&] { train("run", tiny_config(), {.start = Start::resume}); });
}

TEST_F(RunTest, RefusesAnotherConfiguration) {
  train("run", tiny_config(), {.max_steps = 1});
  TrainConfig config = tiny_config();
  config.training.batch = 16;
  expect_error(ErrorCode::user, "\n  training.batch is 16, the checkpoint has 8\n",
               [&] { train("run", config, {.start = Start::resume}); });
  EXPECT_EQ(read_text(folder("run") / "config.toml"), to_toml(tiny_config()));
}

TEST_F(RunTest, ASecondTrainerIsRefusedAndToldWho) {
  train("run", tiny_config(), {.max_steps = 1});
  const FileLock lock(folder("run"));
  expect_error(ErrorCode::user, "is in use by process " + std::to_string(::getpid()),
               [&] { train("run", tiny_config(), {.start = Start::resume}); });
}

TEST_F(RunTest, LearnsPicturesThatAreNotSquareAndHaveAnyChannels) {
  for (const std::int64_t channels : {2, 5}) {
    std::vector<std::uint8_t> pixels;
    for (std::int64_t i = 0; i < 4 * 16 * 32 * channels; ++i)
      pixels.push_back(static_cast<std::uint8_t>(i * 37 % 251));
    const std::string name = std::to_string(channels);
    write_file_durably(folder(name + ".npz"),
                       io::npz_content({{.name = "arr_0",
                                         .type = "|u1",
                                         .shape = {4, 16, 32, channels},
                                         .bytes = std::as_bytes(std::span(pixels))}}),
                       Overwrite::refuse);
    TrainConfig config = tiny_config();
    config.model.sample_size = 16;
    config.model.sample_width = 32;
    config.model.in_channels = config.model.out_channels = channels;
    config.training.batch = 4;
    config.training.steps = 2;
    config.training.warmup_steps = 0;
    config.output.sample_every_steps = 2;
    config.output.sample_count = 2;
    config.output.sample_steps = 2;
    const TrainSummary result =
        run_training({.config = config, .data = folder(name + ".npz"), .out = folder(name)},
                     make_device(DeviceKind::cpu));
    EXPECT_EQ(result.steps, 2);
    EXPECT_EQ(result.steps_refused, 0);
    EXPECT_GT(result.loss, 0.0);
    const auto grid = folder(name) / "samples" / "step-00000002";
    if (channels == 2) {
      const Image image = io::read_png(grid.string() + ".png", io::Channels::grey_alpha).image;
      EXPECT_EQ(image.width, 2 + 2 * (8 * 32 + 2));
      EXPECT_EQ(image.height, 2 * 8 + 2 * 8 + 2 + 8 * 16 + 2);  // a line of larger letters above
    } else {
      const FloatImages images = io::read_pictures(grid.string() + ".safetensors", "x_0");
      EXPECT_EQ(images.shape, config.model.picture_shape());
      EXPECT_EQ(images.count, 2);
    }
  }
}

/// Learning rates that ruin the network: at 3 all is well, at 6 it is lost.
TrainConfig ruinous_config() {
  TrainConfig config = tiny_config();
  config.training.warmup_steps = 0;
  config.training.decay = Decay::constant;
  config.training.clip_norm = 0.0;
  config.output.checkpoint_every_steps = 3;
  return config;
}

// A run that diverges keeps what it can go back to, and goes on from there with another rate.
TEST_F(RunTest, ADivergedRunGoesOnFromTheLastHealthyCheckpoint) {
  TrainConfig config = ruinous_config();
  config.output.sample_every_steps = 5;
  config.output.sample_count = 1;
  config.output.sample_steps = 1;
  train("run", config, {.max_steps = 6});
  TrainOptions faster{.start = Start::resume,
                      .overrides = {"training.learning_rate=10", "training.clip_norm=1"},
                      .max_steps = 15};
  train("run", config, faster);
  const fs::path checkpoints = folder("run") / "checkpoints";
  EXPECT_TRUE(fs::exists(checkpoints / "step-00000006"));
  EXPECT_FALSE(fs::exists(checkpoints / "step-00000009"));  // two are kept, and the healthy one
  EXPECT_THAT(read_health(checkpoints / "step-00000015").problem, HasSubstr("the mean loss of"));
  const TrainConfig fast = load_train_config(folder("run") / "config.toml");
  EXPECT_EQ(fast.training.learning_rate, 10.0);
  EXPECT_EQ(fast.training.clip_norm, 1.0);

  expect_error(ErrorCode::user, "there is no checkpoint of step 7 in ",
               [&] { train("run", fast, {.start = Start::resume, .resume_from = 7}); });
  TrainOptions back{
      .start = Start::resume, .resume_from = 6, .overrides = {"training.learning_rate = 1e-4"}};
  back.max_steps = 8;
  train("run", fast, back);
  EXPECT_EQ(read_text(folder("run") / "overrides.csv"),
            "step,key,before,after\n6,training.learning_rate,0.001,1e-04\n"
            "6,training.clip_norm,0.0,1.0\n");
  EXPECT_THAT(read_text(folder("run") / "abandoned-1" / "overrides.csv"),
              HasSubstr("6,training.learning_rate,0.001,10.0\n"));
  EXPECT_TRUE(fs::exists(folder("run") / "abandoned-1" / "checkpoints" / "step-00000015"));
  EXPECT_THAT(read_text(folder("run") / "abandoned-1" / "metrics.csv"), HasSubstr("\n14,"));
  EXPECT_EQ(read_text(folder("run") / "metrics.csv").find("\n14,"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder("run") / "abandoned-1" / "loss.svg"));
  EXPECT_TRUE(fs::exists(folder("run") / "abandoned-1" / "samples" / "step-00000010.png"));
  EXPECT_FALSE(fs::exists(folder("run") / "samples" / "step-00000010.png"));
  EXPECT_TRUE(fs::exists(folder("run") / "samples" / "step-00000005.png"));

  // Later resumes know it, and it is what a run without the detour does.
  const TrainConfig slow = load_train_config(folder("run") / "config.toml");
  const TrainSummary last = train("run", slow, {.start = Start::resume});
  EXPECT_EQ(last.steps, 20);
  train("straight", config, {.max_steps = 6});
  TrainOptions straight{.start = Start::resume,
                        .overrides = {"training.learning_rate=1e-4", "training.clip_norm=1.0"}};
  EXPECT_EQ(state_hash(last), state_hash(train("straight", config, straight)));
}

TEST_F(RunTest, DoesNotBeginAgainWhereItsCheckpointsAreMissing) {
  train("run", tiny_config(), {.max_steps = 12});
  fs::rename(folder("run") / "checkpoints", temporary_.path() / "elsewhere");
  const std::string metrics = read_text(folder("run") / "metrics.csv");
  expect_error(ErrorCode::user, "has metrics up to step 12, but no checkpoint; put its checkpoints",
               [&] { train("run", tiny_config(), {.start = Start::resume}); });
  EXPECT_EQ(read_text(folder("run") / "metrics.csv"), metrics);
}

// What may be missing depends on how often it was to save, not on how often it will.
TEST_F(RunTest, BeginsAgainWhereNothingWasSavedThoughItIsToSaveMoreOften) {
  TrainConfig config = tiny_config();
  config.output.checkpoint_every_steps = 10;
  train("run", config, {.max_steps = 9});
  fs::remove_all(folder("run") / "checkpoints/step-00000009");  // as if it had been killed
  const TrainSummary result = train(
      "run", config, {.start = Start::resume, .overrides = {"output.checkpoint_every_steps=3"}});
  EXPECT_EQ(result.steps_here, 20);
  EXPECT_EQ(metrics_without_times("run").find("\n9,"), std::string::npos);
}

// Neither figures nor pictures are worth the steps since the last checkpoint.
TEST_F(RunTest, GoesOnWhereTheAverageCannotBeMeasured) {
  TrainConfig config = tiny_config();
  config.output.evaluate_every_steps = 3;
  config.output.evaluate_steps = 1;
  int num_calls = 0;
  const auto fails = [&](const run::TrainedNetwork&, const TrainConfig&, const TrainingData&,
                         const RunOptions&) -> MeasuredQuality {
    if (++num_calls == 1) throw Error(ErrorCode::numeric, "NaN or infinity in layer conv_out");
    throw std::bad_alloc();
  };
  const TrainOptions options{
      .config = config, .data = temporary_.path() / "data", .out = folder("run")};
  const TrainSummary summary = run_training(options, make_device(DeviceKind::cpu), fails);
  EXPECT_EQ(summary.ending, TrainEnding::finished);
  EXPECT_EQ(num_calls, 6);
  config.output.evaluate_every_steps = 0;
  EXPECT_EQ(state_hash(summary), state_hash(train("without", config, {})));
}

TEST_F(RunTest, NamesThatACheckpointCannotHoldAreToldFirst) {
  TrainConfig config = tiny_config();
  expect_error(ErrorCode::user, "is not UTF-8; give another with --name",
               [&] { train("caf\xe9", config, {}); });
  config.output.name = "caf\xe9";
  expect_error(ErrorCode::user, "output.name", [&] { validate(config); });
}

// What is a spike is decided by losses that a checkpoint holds.
TEST_F(RunTest, SpikesAreTheSameInAResumedRun) {
  TrainConfig config = tiny_config();
  config.training.skip_spikes = 0.5;     // about every third
  config.training.learning_rate = 1e-6;  // the loss does not fall
  config.training.steps = 60;
  const TrainSummary whole = train("whole", config, {});
  EXPECT_GT(whole.steps_refused, 3);
  EXPECT_LT(whole.steps_refused, 28);
  for (const std::int64_t stop : {33, 47}) {
    const std::string run = "stopped-" + std::to_string(stop);
    train(run, config, {.max_steps = stop});
    const TrainSummary resumed = train(run, config, {.start = Start::resume});
    EXPECT_EQ(state_hash(resumed), state_hash(whole));
    EXPECT_EQ(read_text(resumed.checkpoint / "health.json"),
              read_text(whole.checkpoint / "health.json"));
  }
}

// Of a hundred lengths, a dozen are TOML of another run.
TEST_F(RunTest, ItsConfigurationCutShortIsRefused) {
  train("run", tiny_config(), {.max_steps = 1});
  const fs::path path = folder("run") / "config.toml";
  const std::string text = read_text(path);
  for (std::size_t length = 0; length < text.size(); length += 5) {
    test::write_text(path, text.substr(0, length));
    expect_error(ErrorCode::corrupt, path.string() + " is not what the run wrote",
                 [&] { read_config_of_run(folder("run")); });
  }
  test::write_text(path, text);
  EXPECT_EQ(to_toml(read_config_of_run(folder("run"))), text);

  // As if the power had failed while an override was written: either text is good.
  TrainConfig slower = tiny_config();
  slower.training.learning_rate = 1e-4;
  write_config_of_run(folder("run"), slower);
  const std::string digests = read_text(folder("run") / "config.toml.sha256");
  write_config_of_run(folder("run"), tiny_config());
  test::write_text(folder("run") / "config.toml.sha256",
                   digests + read_text(folder("run") / "config.toml.sha256"));
  EXPECT_NO_THROW(read_config_of_run(folder("run")));
  test::write_text(path, to_toml(slower));
  EXPECT_NO_THROW(read_config_of_run(folder("run")));
  fs::remove(folder("run") / "config.toml.sha256");  // as earlier versions
  test::write_text(path, text.substr(0, text.find("[output]")));
  EXPECT_EQ(read_config_of_run(folder("run")).training.batch, 8);
}

}  // namespace
}  // namespace ddim::engine::train
