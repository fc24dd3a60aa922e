#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

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

TEST_F(Signals, ASecondSignalEndsAProcessThatWaitsForAFile) {
  const std::string fifo = folder_ / "model.ckpt";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::string command = "sample --model " + fifo + " --out " + (folder_ / "a.png");
  EXPECT_EQ(run_ddim_and_signal(command, fifo, SIGTERM, SIGTERM).exit_code, 128 + SIGTERM);
  EXPECT_EQ(run_ddim_and_signal(command, fifo, SIGINT, SIGINT).exit_code, 130);
  EXPECT_EQ(run_ddim_and_signal(command, fifo, SIGTERM, SIGINT).exit_code, 130);
}

}  // namespace
}  // namespace ddim::cli_test
