#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <utility>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

class Signals : public testing::Test {
 protected:
  Signals() {
    make_pictures(folder_ / "data", 8);
    std::string config = small_training_config();
    config.replace(config.find("steps = 6"), 9, "steps = 100000");
    write_file(folder_ / "small.toml", config);
  }
  std::string training() const {
    return "train " + (folder_ / "small.toml") + " --data " + (folder_ / "data") + " --out " +
           (folder_ / "run");
  }
  std::string first_checkpoint() const { return folder_ / "run/checkpoints/step-00000002"; }
  /// The last step of which there is a line of metrics, and of which there is a checkpoint.
  void expect_saved() const {
    const std::string metrics = read_file(folder_ / "run/metrics.csv");
    ASSERT_FALSE(metrics.empty());
    const std::size_t line = metrics.rfind('\n', metrics.size() - 2) + 1;
    std::string step = metrics.substr(line, metrics.find(',', line) - line);
    step = std::string(8 - step.size(), '0') + step;
    EXPECT_FALSE(read_file(folder_ / ("run/checkpoints/step-" + step + "/manifest.json")).empty())
        << step;
  }

  TemporaryFolder folder_;
};

TEST_F(Signals, AClosedTerminalSavesATraining) {
  const Outcome run = run_ddim_and_signal(training(), first_checkpoint(), SIGHUP);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  expect_saved();
}

TEST_F(Signals, AReaderWhoGoesAwayDoesNotEndATraining) {
  const Outcome run = run_ddim(training() + "2 --max-steps 20 2>&1 | head -1; test -d " +
                               (folder_ / "run2") + "/checkpoints/step-00000020");
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(Signals, AFileThatMayNotGrowIsAnErrorInEveryCommand) {
  make_micro_model(folder_ / "micro");
  const Outcome run = run_ddim(
      "convert " + (folder_ / "micro") + " " + (folder_ / "out/a.ckpt") + " --to official-weights",
      "mkdir " + (folder_ / "out") + "; ulimit -f 100; env");
  EXPECT_EQ(run.exit_code, 5) << run.err;
  EXPECT_NE(run.err.find("File too large"), std::string::npos) << run.err;
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "out"));
}

// A shell passes on what the kernel sends to all of a terminal; coreutils' timeout and wrappers of
// services send to a process and to its group.
TEST_F(Signals, TheSameRequestFromTwoSidesSavesATraining) {
  using std::chrono::milliseconds;
  for (const auto& [first, second] : {std::pair{SIGHUP, SIGHUP},
                                      {SIGTERM, SIGTERM},
                                      {SIGINT, SIGINT},
                                      {SIGHUP, SIGTERM},
                                      {SIGUSR1, SIGTERM},
                                      {SIGUSR2, SIGUSR2}}) {
    for (const milliseconds pause : {milliseconds(0), milliseconds(2), milliseconds(10)}) {
      std::filesystem::remove_all(folder_ / "run");
      const Outcome run = run_ddim_and_signal(
          training(), first_checkpoint(), first,
          {.signal = second, .after = SecondSignal::After::sent, .pause = pause});
      EXPECT_EQ(run.exit_code, first == SIGINT ? 130 : 0) << first << ' ' << second << run.err;
      expect_saved();
    }
  }
}

// The signal by which a command ends its own watch, from anybody else.
TEST_F(Signals, NoSignalMakesACommandDeaf) {
  const Outcome run =
      run_ddim_and_signal(training(), first_checkpoint(), SIGUSR2, {.signal = SIGTERM});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("interrupted after step"), std::string::npos) << run.out;
  expect_saved();
}

TEST_F(Signals, APersonsSecondSignalEndsAProcessThatWaitsForAFile) {
  using std::chrono::milliseconds;
  const std::string fifo = folder_ / "model.ckpt";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::string command = "sample --model " + fifo + " --out " + (folder_ / "a.png");
  EXPECT_EQ(
      run_ddim_and_signal(command, fifo, SIGINT, {.signal = SIGINT, .pause = milliseconds(1050)})
          .exit_code,
      130);
  EXPECT_EQ(
      run_ddim_and_signal(command, fifo, SIGTERM, {.signal = SIGTERM, .pause = milliseconds(5050)})
          .exit_code,
      128 + SIGTERM);
}

}  // namespace
}  // namespace ddim::cli_test
