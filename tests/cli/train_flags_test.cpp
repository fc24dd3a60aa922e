// Flags of ddim train that mean something beside others only.
#include <gtest/gtest.h>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;

class TrainFlags : public testing::Test {
 protected:
  TrainFlags() {
    make_pictures(folder_ / "pictures", 6);
    write_file(folder_ / "small.toml", small_training_config());
  }
  Outcome train(const std::string& flags, const std::string& environment = "") const {
    return run_ddim("train " + (folder_ / "small.toml") + " --quiet --data " +
                        (folder_ / "pictures") + " --out " + (folder_ / "run") + " " + flags,
                    environment);
  }
  Outcome resume(const std::string& flags, const std::string& environment = "") const {
    return run_ddim("train --resume " + (folder_ / "run") + " " + flags, environment);
  }
  static void expect_refused(const Outcome& run, const std::string& message) {
    EXPECT_EQ(run.exit_code, 1) << run.err;
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainFlags, OverridesAndFlagsDoNotNameTheSameKey) {
  ASSERT_EQ(train("--max-steps 1").exit_code, 0);
  expect_refused(resume("--threads 1 --override training.threads=2"),
                 "--threads 1 and --override training.threads=2: training.threads can have one "
                 "value only; leave one out");
  expect_refused(resume("--name a --override 'output.name = b'"),
                 "--name a and --override output.name = b: output.name can have one value only");
  expect_refused(resume("--skip-corrupt --override data.skip_corrupt=false"),
                 "--skip-corrupt and --override data.skip_corrupt=false: data.skip_corrupt can");
  // The environment means runs that say nothing themselves.
  const Outcome run = resume("--override training.threads=2 --max-steps 2", "DDIM_THREADS=1");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(read_file(folder_ / "run/config.toml").find("\nthreads = 2\n"), std::string::npos);
}

TEST_F(TrainFlags, NoVerifyIsOfTheModelThatARunBeginsFrom) {
  expect_refused(train("--no-verify"), "--no-verify needs --init");
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(TrainFlags, HeldOutPicturesThatHaveMovedAreNamedByAnOverride) {
  make_pictures(folder_ / "held-out", 3);
  std::string config = small_training_config();
  config.insert(config.find("resolution"), "validation = \"" + (folder_ / "held-out") + "\"\n");
  write_file(folder_ / "small.toml", config);
  ASSERT_EQ(train("--max-steps 1").exit_code, 0);
  fs::rename(folder_ / "held-out", folder_ / "moved");
  const Outcome missing = resume("--max-steps 2");
  EXPECT_EQ(missing.exit_code, 5) << missing.err;
  EXPECT_NE(missing.err.find("--override data.validation=PATH"), std::string::npos) << missing.err;
  const Outcome run = resume("--max-steps 2 --override data.validation=" + (folder_ / "moved"));
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

}  // namespace
}  // namespace ddim::cli_test
