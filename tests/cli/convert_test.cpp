#include <ddim/image.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class Convert : public testing::Test {
 protected:
  Convert() : model_(folder_ / "micro") { make_micro_model(model_); }

  /// Converts and looks at what came out.
  Json convert(const std::string& input, const std::string& output, const std::string& flags) {
    const Outcome run = run_ddim("convert " + input + " " + output + " " + flags);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_NE(run.out.find("check: largest difference of eps"), std::string::npos) << run.out;
    return Json::parse(run_ddim("info --json " + output).out);
  }
  std::vector<std::uint8_t> pixels_of(const std::string& model) {
    const std::string file = model + ".png";
    const Outcome run = run_ddim("sample --model " + model + " --steps 3 --count 2 --out " + file);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return read_png(file).pixels;
  }

  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(Convert, ThereAndBackAgain) {
  const std::string official = folder_ / "ckpt.pth", back = folder_ / "back";
  const Json info = convert(model_, official, "--to official");
  EXPECT_EQ(info["format"], "checkpoint of the official code");
  EXPECT_EQ(info["num_parameters"], 967427);
  EXPECT_EQ(info["height"], 8);
  EXPECT_EQ(info["has_both_weights"], true);
  EXPECT_EQ(info["has_adam"], false);
  EXPECT_EQ(convert(official, back, "")["format"], "diffusers folder");
  const std::string weights = "/unet/diffusion_pytorch_model.safetensors";
  EXPECT_EQ(read_file(back + weights), read_file(model_ + weights));
  EXPECT_NE(read_file(back + "/README.md").find("pipeline_tag: unconditional"), std::string::npos);
}

TEST_F(Convert, AFileDrawsTheSamePictures) {
  const std::string bare = folder_ / "micro.ckpt";
  convert(model_, bare, "--to official-weights");
  EXPECT_EQ(pixels_of(bare), pixels_of(model_));
}

TEST_F(Convert, SmallerTypes) {
  EXPECT_EQ(convert(model_, folder_ / "half", "--dtype f16")["weight_type"], "F16");
  EXPECT_EQ(convert(model_, folder_ / "quarter", "--dtype f8")["weight_type"], "F16, F8_E4M3");
  EXPECT_EQ(
      convert(model_, folder_ / "b.ckpt", "--dtype bf16 --to official-weights")["weight_type"],
      "BF16");
}

TEST_F(Convert, ARunMovesToTheOfficialCodeAndBack) {
  make_pictures(folder_ / "pictures", 5);
  write_file(folder_ / "small.toml", small_training_config());
  const std::string train =
      "train " + (folder_ / "small.toml") + " --data " + (folder_ / "pictures") + " --quiet --out ";
  ASSERT_EQ(run_ddim(train + (folder_ / "first") + " --max-steps 2").exit_code, 0);
  const Json info =
      convert(folder_ / "first/checkpoints/step-00000002", folder_ / "ckpt.pth", "--to official");
  EXPECT_EQ(info["has_adam"], true);
  EXPECT_EQ(info["step"], 2);
  const Outcome second =
      run_ddim(train + (folder_ / "second") + " --init " + (folder_ / "ckpt.pth"));
  ASSERT_EQ(second.exit_code, 0) << second.err;
  ASSERT_EQ(run_ddim(train + (folder_ / "whole")).exit_code, 0);
  const std::string state = "/checkpoints/step-00000006/state.safetensors";
  EXPECT_EQ(read_file((folder_ / "second") + state), read_file((folder_ / "whole") + state));
  // Either set of weights of a checkpoint.
  const std::string checkpoint = folder_ / "whole/checkpoints/step-00000006";
  convert(checkpoint, folder_ / "ema", "--weights ema");
  convert(checkpoint, folder_ / "raw", "--weights raw");
  const std::string weights = "/unet/diffusion_pytorch_model.safetensors";
  EXPECT_EQ(read_file((folder_ / "ema") + weights), read_file(checkpoint + weights));
  EXPECT_NE(read_file((folder_ / "raw") + weights), read_file(checkpoint + weights));
  EXPECT_EQ(
      run_ddim("train " + (folder_ / "small.toml") + " --data x --resume y --init z").exit_code, 2);
}

// What arrives under the name of a checkpoint: one line, exit code 4, nothing written, nothing run.
TEST_F(Convert, FilesThatAreNoCheckpointAreRefused) {
  struct Stranger {
    const char* name;
    std::string content;
    const char* message;
  };
  const std::string canary = folder_ / "canary";
  const std::string command = "touch " + canary;
  const Stranger strangers[] = {
      {"lfs.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"},
      {"page.safetensors", "<!DOCTYPE html><title>404</title>", "HTML page"},
      {"evil.pkl",
       "\x80\x02"
       "cos\nsystem\n(S'" +
           command + "'\ntR.",
       "\"os.system\""},
      {"evil4.ckpt",
       "\x80\x04"
       "cposix\nsystem\n(S'" +
           command + "'\ntR.",
       "\"posix.system\""},
      {"short.pth", read_file("tests/io/torch/official.pth").substr(0, 2000), "truncated"},
      {"list.pth", read_file("tests/io/torch/official.pth"),
       "not the weights of a supported network"},
      {"empty.ckpt", "", "too short"},
  };
  for (const Stranger& stranger : strangers) {
    SCOPED_TRACE(stranger.name);
    const std::string file = folder_ / stranger.name;
    write_file(file, stranger.content);
    const std::vector<std::string> before = folder_.list();
    for (const std::string& arguments :
         {"info " + file, "convert " + file + " " + (folder_ / "out"),
          "sample --model " + file + " --out " + (folder_ / "out.png")}) {
      const Outcome run = run_ddim(arguments);
      EXPECT_EQ(run.exit_code, 4) << run.err;
      EXPECT_EQ(run.out, "");
      EXPECT_NE(run.err.find(stranger.message), std::string::npos) << run.err;
      EXPECT_NE(run.err.find(stranger.name), std::string::npos) << run.err;
      EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    }
    EXPECT_EQ(folder_.list(), before);
  }
  EXPECT_FALSE(fs::exists(canary));
}

TEST_F(Convert, AFailedCheckLeavesNothingBehind) {
  const std::string weights = model_ + "/unet/diffusion_pytorch_model.safetensors";
  std::string bytes = read_file(weights);
  const std::string huge("\x99\x76\x61\x7f", 4);  // 3e38: sums of it are infinite
  for (std::size_t i = 1; i <= 8192; ++i) bytes.replace(bytes.size() - 4 * i, 4, huge);
  write_file(weights, bytes);
  const std::vector<std::string> before = folder_.list();
  for (const char* output : {"a.pth --to official", "b"}) {
    // Not verified: the digests in the file are those of other weights.
    const Outcome run = run_ddim("convert --no-verify " + model_ + " " + (folder_ / output));
    EXPECT_EQ(run.exit_code, 3) << run.err;
    EXPECT_NE(run.err.find("NaN or infinity"), std::string::npos) << run.err;
    EXPECT_EQ(folder_.list(), before) << output;
  }
}

TEST_F(Convert, RequestsThatAreImpossible) {
  const auto expect_refused = [&](const std::string& arguments, int code, const char* message) {
    const std::vector<std::string> before = folder_.list();
    const Outcome run = run_ddim("convert " + arguments);
    EXPECT_EQ(run.exit_code, code) << run.err;
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
    EXPECT_EQ(folder_.list(), before);
  };
  expect_refused(model_ + " " + model_, 1, "exists already");
  expect_refused(model_ + " " + (folder_ / "a") + " --weights raw", 1, "only one set of weights");
  expect_refused(model_ + " " + (folder_ / "a") + " --dtype f64", 2, "--dtype");
  expect_refused(model_ + " " + (folder_ / "a") + " --to onnx", 2, "--to");
  expect_refused(model_ + " " + (folder_ / "no/a.pth") + " --to official", 1, "does not exist");
  expect_refused(model_ + " " + (folder_ / "a.safetensors"), 1,
                 "--to diffusers makes a folder, whose");
  for (const char* name : {"a.pth", "a.ckpt"})
    expect_refused(model_ + " " + (folder_ / name), 1, "--to diffusers makes a folder; add --to");
}

}  // namespace
}  // namespace ddim::cli_test
