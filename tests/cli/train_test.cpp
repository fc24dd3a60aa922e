#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class Train : public testing::Test {
 protected:
  Train() {
    make_pictures(folder_ / "pictures", 6);
    write_file(folder_ / "small.toml", small_training_config());
  }

  std::string arguments(const std::string& run, const std::string& flags = "") const {
    return "train " + (folder_ / "small.toml") + " --data " + (folder_ / "pictures") + " --out " +
           (folder_ / run) + " " + flags;
  }
  // All that a checkpoint holds; of its configuration only what is not told by the file names.
  std::string state(const std::string& checkpoint) const {
    return read_file(folder_ / (checkpoint + "/state.safetensors")) +
           read_file(folder_ / (checkpoint + "/unet/diffusion_pytorch_model.safetensors"));
  }

  TemporaryFolder folder_;
};

TEST_F(Train, MakesAModelToSampleFrom) {
  const Outcome run = run_ddim(arguments("run", "--json --quiet"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const Json result = Json::parse(run.out);
  EXPECT_EQ(result.at("ending"), "finished");
  EXPECT_EQ(result.at("steps"), 6);
  const std::string checkpoint = result.at("checkpoint");
  EXPECT_EQ(Json::parse(run_ddim("info --json " + checkpoint).out).at("height"), 8);
  EXPECT_EQ(
      run_ddim("sample --steps 2 --count 2 --model " + checkpoint + " --out " + (folder_ / "a.png"))
          .exit_code,
      0);
  const Outcome evaluation = run_ddim("evaluate --eps-error --json --t 10,900 --model " +
                                      checkpoint + " --data " + (folder_ / "pictures"));
  ASSERT_EQ(evaluation.exit_code, 0) << evaluation.err;
  const Json errors = Json::parse(evaluation.out).at("eps_error");
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[1].at("t"), 900);
  EXPECT_GT(errors[1].at("mean_squared_error"), 0.0);
}

TEST_F(Train, ClassesAreNamedAndKept) {
  for (const char* name : {"10", "9", "bird"})
    make_pictures(folder_ / ("classes/" + std::string(name)), 2);
  const auto train = [&](const std::string& run, int num_classes) {
    std::string config = small_training_config();
    config.insert(config.find("[model]") + 7, "\nnum_classes = " + std::to_string(num_classes));
    write_file(folder_ / "classes.toml", config);
    return run_ddim("train " + (folder_ / "classes.toml") + " --max-steps 1 --data " +
                    (folder_ / "classes") + " --out " + (folder_ / run));
  };
  const Outcome run = train("run", 3);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("data: class 1: 10, 2 images"), std::string::npos) << run.err;
  EXPECT_EQ(read_file(folder_ / "run/classes.csv"),
            "class,number,count\n9,0,2\n10,1,2\nbird,2,2\n");
  const Outcome refused = train("other", 2);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("0 9 (2 images), 1 10 (2 images), 2 bird (2 images)"),
            std::string::npos)
      << refused.err;
}

TEST_F(Train, GoesOnWhereItStopped) {
  ASSERT_EQ(run_ddim(arguments("whole", "--threads 1")).exit_code, 0);
  const Outcome part = run_ddim(arguments("parts", "--threads 2 --max-steps 3"));
  ASSERT_EQ(part.exit_code, 0) << part.err;
  EXPECT_NE(part.out.find("step limit reached after step 3"), std::string::npos) << part.out;
  ASSERT_EQ(run_ddim(arguments("parts", "--resume")).exit_code, 0);
  ASSERT_FALSE(state("whole/checkpoints/step-00000006").empty());
  EXPECT_EQ(state("parts/checkpoints/step-00000006"), state("whole/checkpoints/step-00000006"));
}

TEST_F(Train, SavesAndLeavesOnSignals) {
  std::string config = small_training_config();
  config.replace(config.find("steps = 6"), 9, "steps = 1000000");
  write_file(folder_ / "small.toml", config);
  const struct {
    int signal;
    int exit_code;
  } cases[] = {{SIGINT, 130}, {SIGTERM, 0}, {SIGUSR1, 0}};
  for (const auto& [signal, exit_code] : cases) {
    const std::string name = "run" + std::to_string(signal);
    const Outcome run = run_ddim_and_signal(
        arguments(name), folder_ / (name + "/checkpoints/step-00000002"), signal);
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_NE(run.out.find("interrupted after step"), std::string::npos) << run.out << run.err;
    EXPECT_EQ(run.err.find("--resume") != std::string::npos, signal == SIGINT) << run.err;
  }
}

}  // namespace
}  // namespace ddim::cli_test
