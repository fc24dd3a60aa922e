#include "hub/model_files.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ddim::engine::hub {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ModelFiles, OfAFolderedRepository) {
  EXPECT_THAT(model_files({".gitattributes", "README.md", "model_index.json", "images/a.png",
                           "scheduler/scheduler_config.json", "unet/config.json",
                           "unet/diffusion_pytorch_model.bin",
                           "unet/diffusion_pytorch_model.fp16.safetensors",
                           "unet/diffusion_pytorch_model.safetensors"},
                          "a/b"),
              ElementsAre("model_index.json", "unet/config.json", "scheduler/scheduler_config.json",
                          "unet/diffusion_pytorch_model.safetensors"));
}

TEST(ModelFiles, OfAFlatRepository) {
  EXPECT_THAT(model_files({"README.md", "config.json", "diffusion_pytorch_model.bin",
                           "diffusion_pytorch_model.safetensors", "model_index.json",
                           "modeling_ddpm.py", "scheduler_config.json"},
                          "a/b"),
              ElementsAre("model_index.json", "config.json", "scheduler_config.json",
                          "diffusion_pytorch_model.safetensors"));
}

TEST(ModelFiles, PyTorchsOwnFormatOnlyWhereThereIsNothingElse) {
  EXPECT_THAT(
      model_files({"config.json", "diffusion_pytorch_model.bin", "scheduler_config.json"}, "a/b"),
      ElementsAre("config.json", "scheduler_config.json", "diffusion_pytorch_model.bin"));
}

TEST(ModelFiles, Shards) {
  const std::string base = "unet/diffusion_pytorch_model";
  EXPECT_THAT(
      model_files({"scheduler/scheduler_config.json", "unet/config.json",
                   base + "-00001-of-00002.safetensors", base + "-00002-of-00002.safetensors",
                   base + "-x0001-of-00002.safetensors", base + "-00001-of-00002.bin",
                   base + "-00001-of-00002.safetensors.bak",
                   "../" + base + "-00001-of-00002.safetensors", base + ".safetensors.index.json"},
                  "a/b"),
      ElementsAre("unet/config.json", "scheduler/scheduler_config.json",
                  base + ".safetensors.index.json", base + "-00001-of-00002.safetensors",
                  base + "-00002-of-00002.safetensors"));
}

// As diffusers, which looks for the index first and names parts of a variant by it.
TEST(ModelFiles, PartsBeforeOneFile) {
  const std::string base = "unet/diffusion_pytorch_model";
  std::set<std::string> available = {"scheduler/scheduler_config.json", "unet/config.json",
                                     base + ".safetensors", base + ".safetensors.index.json",
                                     base + "-00001-of-00001.safetensors"};
  EXPECT_EQ(model_files(available, "a/b").back(), base + "-00001-of-00001.safetensors");
  available.erase(base + "-00001-of-00001.safetensors");
  EXPECT_EQ(model_files(available, "a/b").back(), base + ".safetensors");

  available = {"scheduler/scheduler_config.json", "unet/config.json",
               base + ".safetensors.index.fp16.json", base + ".fp16-00001-of-00001.safetensors",
               base + "-00001-of-00001.safetensors"};
  EXPECT_THAT(model_files(available, "a/b"),
              ElementsAre("unet/config.json", "scheduler/scheduler_config.json",
                          base + ".safetensors.index.fp16.json",
                          base + ".fp16-00001-of-00001.safetensors"));
}

TEST(ModelFiles, SaysWhatIsMissingAndWhatIsThere) {
  const auto expect_missing = [](const std::set<std::string>& files, const std::string& what) {
    test::expect_error(ErrorCode::user, AllOf(HasSubstr("a/b"), HasSubstr(what)),
                       [&] { model_files(files, "a/b"); });
  };
  expect_missing({}, "it has no files");
  expect_missing({"a", "b", "c", "d", "e", "f"}, "6 files: a, b, c, d, e, ...");
  expect_missing({"config.json"}, "scheduler_config.json");
  expect_missing({"config.json", "scheduler_config.json", "model.safetensors"},
                 "diffusion_pytorch_model.safetensors");
  expect_missing(
      {"config.json", "scheduler_config.json", "diffusion_pytorch_model.safetensors.index.json"},
      "the weights are missing");
  const std::string flat = "diffusion_pytorch_model";
  expect_missing({"config.json", "scheduler_config.json", flat + ".safetensors.index.json",
                  flat + "-00001-of-00003.safetensors", flat + "-00003-of-00003.safetensors",
                  flat + "-00001-of-00002.safetensors"},
                 "the weights are missing");
}

TEST(ModelFiles, HalfPrecisionOnlyWhereThereIsNothingElse) {
  const std::string base = "unet/diffusion_pytorch_model";
  std::set<std::string> available = {"scheduler/scheduler_config.json", "unet/config.json",
                                     base + ".fp16.bin", base + ".fp16.safetensors",
                                     base + ".non_ema.safetensors"};
  const auto weights = [&] { return model_files(available, "a/b").back(); };
  EXPECT_EQ(weights(), base + ".fp16.safetensors");
  available.erase(base + ".fp16.safetensors");
  EXPECT_EQ(weights(), base + ".fp16.bin");
  available.insert(base + ".bin");
  EXPECT_EQ(weights(), base + ".bin");
}

}  // namespace
}  // namespace ddim::engine::hub
