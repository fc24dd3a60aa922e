#include <gtest/gtest.h>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

void expect_all(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "no " << part << " in\n" << text;
}

TEST(Help, NamesEveryCommandAndExitCode) {
  const Outcome run = run_ddim("--help");
  EXPECT_EQ(run.exit_code, 0);
  expect_all(run.out, {"sample", "train", "plan", "info", "convert", "evaluate", "bench", "encode",
                       "decode", "reconstruct", "interpolate", "consistency", "pull", "70", "130"});
}

TEST(Help, NamesEveryFlag) {
  expect_all(run_ddim("sample --help").out,
             {"--model", "--steps", "--tau", "--eta", "--sigma-hat", "--count", "--batch",
              "--threads", "--seed", "--out", "--noise", "--save-tensors", "--clip", "--json",
              "--like", "--no-metadata", "--pull"});
  expect_all(run_ddim("sample --help").out,
             {"--init-image", "--strength", "--init-by", "--mask", "--resize"});
  expect_all(run_ddim("encode --help").out, {"pictures", "--data", "--max-images", "--resize",
                                             "--steps", "--tau", "--exact", "--out"});
  expect_all(run_ddim("decode --help").out, {"codes", "--clip", "--save-tensors", "--out"});
  expect_all(run_ddim("reconstruct --help").out, {"pictures", "--steps", "--exact", "--json"});
  expect_all(run_ddim("interpolate --help").out, {"endpoints", "--frames", "--animation", "--out"});
  expect_all(run_ddim("consistency --help").out, {"--steps", "--reference", "--count", "--out"});
  expect_all(run_ddim("train --help").out, {"CONFIG.toml", "--data", "--out", "--resume",
                                            "--max-steps", "--name", "--keys", "Ctrl-C"});
  expect_all(run_ddim("evaluate --help").out, {"--eps-error", "--model", "--data", "--json"});
  expect_all(run_ddim("bench --help").out,
             {"--model", "--config", "--batch", "--threads", "--train"});
  expect_all(run_ddim("pull --help").out, {"OWNER/NAME", "HF_HOME", "HF_TOKEN", "--json"});
}

TEST(Help, VersionIsPrinted) {
  const Outcome run = run_ddim("--version");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out.substr(0, 5), "ddim ");
}

}  // namespace
}  // namespace ddim::cli_test
