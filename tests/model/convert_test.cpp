#include "model/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "backend/make_device.h"
#include "io/safetensors.h"
#include "model/model.h"
#include "model/model_card.h"
#include "model/official_names.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::model {
namespace {

using test::edit_text;
using test::expect_error;
using test::names_in;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

constexpr const char* kMicro = "tests/golden/micro";

void convert_model(const fs::path& input, const fs::path& output, WeightType type) {
  write_model(open_model(input), output, {.type = type});
}

class Convert : public testing::Test {
 protected:
  Convert() : input_(folder_ / "official"), output_(folder_ / "model") {
    fs::create_directories(input_);
    for (const char* name : {"config.json", "unet.safetensors"})
      fs::copy_file(fs::path(kMicro) / name, input_ / name);
  }
  void expect_refused(ErrorCode code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { convert_model(input_, output_, WeightType::f32); });
    EXPECT_EQ(names_in(folder_.path()).size(), 1U) << "something was written";
  }

  TemporaryFolder folder_;
  fs::path input_, output_;
};

TEST_F(Convert, KeepsEveryWeight) {
  convert_model(input_, output_, WeightType::f32);
  const LoadedModel model = load_model(output_, make_device(DeviceKind::reference));
  const io::SafetensorsFile file = io::SafetensorsFile::open(input_ / "unet.safetensors");
  EXPECT_EQ(file.entries().size(), model.unet.parameters().size());
  for (const Parameter* parameter : model.unet.parameters())
    EXPECT_EQ(to_host(parameter->value), file.read(official_name(parameter->name, 2)));
  const UNetConfig expected{.sample_size = 8,
                            .layers_per_block = 1,
                            .block_out_channels = {64, 64},
                            .base_channels = 32,
                            .attention_levels = {1}};
  EXPECT_EQ(model.unet.config(), expected);
  EXPECT_FALSE(model.scheduler_config.clip_sample);
  EXPECT_EQ(model.schedule.num_steps(), 1000);
}

TEST_F(Convert, DoesNotOverwrite) {
  write_text(output_ / "notes.txt", "precious");
  expect_error(ErrorCode::user, {"model", "exists"},
               [&] { convert_model(input_, output_, WeightType::f32); });
  EXPECT_EQ(read_text(output_ / "notes.txt"), "precious");
}

TEST_F(Convert, MissingFilesAreNamed) {
  fs::remove(input_ / "unet.safetensors");
  expect_refused(ErrorCode::user, {"official/unet.safetensors: no such file"});
  fs::remove(input_ / "config.json");
  expect_refused(ErrorCode::user, {"official: not a model's folder"});
}

TEST_F(Convert, AMissingFolderIsNamed) {
  expect_error(ErrorCode::user, {"nowhere: no such file or folder"},
               [&] { convert_model(folder_ / "nowhere", output_, WeightType::f32); });
}

struct BadField {
  const char *found, *replaced;
  ErrorCode code;
  const char* message;
};

TEST_F(Convert, BadConfigurationsAreRefusedByField) {
  const std::string original = read_text(input_ / "config.json");
  const BadField cases[] = {
      {"\"simple\"", "\"bayesian\"", ErrorCode::user,
       "model.type is \"bayesian\"; only \"simple\" is supported"},
      {"\"resamp_with_conv\": true", "\"resamp_with_conv\": false", ErrorCode::user,
       "model.resamp_with_conv is false; only true is supported"},
      {"\"beta_schedule\": \"linear\"", "\"beta_schedule\": \"jsd\"", ErrorCode::user,
       "diffusion.beta_schedule is \"jsd\"; supported are linear, quad, sigmoid and const"},
      {"\"ch\": 32", "\"ch\": 33", ErrorCode::user,
       "unet: block_out_channels[0] (66) must be a multiple of norm_num_groups (32)"},
      {"\"ch\": 32", "\"ch\": \"32\"", ErrorCode::corrupt,
       "field model.ch must be a whole number in 1..65536, not \"32\""},
      {"\"ch\": 32", "\"ch\": 0", ErrorCode::corrupt,
       "field model.ch must be a whole number in 1..65536, not 0"},
      {"\"ch\": 32,", "", ErrorCode::corrupt, "field model.ch is missing"},
      {"\"model\"", "\"modell\"", ErrorCode::corrupt, "field model is missing"},
      {"\"attn_resolutions\": [\n   4\n  ]", "\"attn_resolutions\": [5]", ErrorCode::user,
       "model.attn_resolutions contains 5, but the levels have 8, 4"},
      {"\"attn_resolutions\": [\n   4\n  ]", "\"attn_resolutions\": 4", ErrorCode::corrupt,
       "field model.attn_resolutions must be a list of at most 1000000 elements, not 4"},
      {"\"ch_mult\": [\n   2,\n   2\n  ]", "\"ch_mult\": []", ErrorCode::user,
       "model.ch_mult is empty"},
      {"\"dropout\": 0.0", "\"dropout\": null", ErrorCode::corrupt,
       "field model.dropout must be a number in 0..1, not null"},
      {"\"beta_end\": 0.02", "\"beta_end\": 2", ErrorCode::corrupt,
       "field diffusion.beta_end must be a number in 0..1, not 2"},
      {"\"data\": {", "\"data\": 3, \"more\": {", ErrorCode::corrupt,
       "field data must be an object, not 3"},
      {"{", "[", ErrorCode::corrupt, "not valid JSON"},
  };
  for (const BadField& bad : cases) {
    SCOPED_TRACE(bad.replaced);
    write_text(input_ / "config.json", original);
    edit_text(input_ / "config.json", bad.found, bad.replaced);
    expect_refused(bad.code, {"official/config.json", bad.message});
  }
}

TEST_F(Convert, HalvesADiffusersFolder) {
  convert_model(input_, output_, WeightType::f32);
  const fs::path half = folder_ / "half";
  convert_model(output_, half, WeightType::f16);
  const LoadedModel whole = load_model(output_, make_device(DeviceKind::reference));
  const LoadedModel halved = load_model(half, make_device(DeviceKind::reference));
  const std::vector<float> a = to_host(whole.unet.parameters().front()->value);
  const std::vector<float> b = to_host(halved.unet.parameters().front()->value);
  EXPECT_NE(a, b);
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-3F * std::abs(a[i]) + 1e-7F);
}

TEST_F(Convert, TheCardSaysWhatTheNetworkPredicts) {
  convert_model(input_, output_, WeightType::f32);
  EXPECT_NE(
      read_text(output_ / "README.md").find("A U-Net that predicts the noise of pictures of 8x8"),
      std::string::npos);
  convert_model("models/fashion-mnist", folder_ / "v", WeightType::f16);
  EXPECT_NE(read_text(folder_ / "v/README.md")
                .find("predicts v, between noise and picture, of pictures of 32x32"),
            std::string::npos);
}

TEST_F(Convert, TheCardHasOnlyAnExampleThatDiffusersCanRun) {
  const auto card_of = [](const ModelFiles& files) { return model_card(files, {}); };
  convert_model(input_, output_, WeightType::f32);
  ModelFiles files = open_model(output_);
  ASSERT_TRUE(files.config.base_channels);
  EXPECT_THAT(card_of(files), Not(HasSubstr("from diffusers")));
  files.config.base_channels.reset();
  EXPECT_THAT(card_of(files), HasSubstr("DDIMPipeline.from_pretrained"));
  EXPECT_THAT(card_of(files), HasSubstr("library_name: diffusers"));
  files.config.class_embed_type = ClassEmbedType::lookup;
  EXPECT_THAT(card_of(files), Not(HasSubstr("DDIMPipeline")));
  EXPECT_THAT(card_of(files), HasSubstr("unet(x, t, class_labels=classes)"));
  EXPECT_THAT(card_of(files), HasSubstr("torch.randn(len(classes), 3, 8, 8)"));
  files.config.class_embed_type = ClassEmbedType::identity;
  EXPECT_THAT(card_of(files), Not(HasSubstr("from diffusers")));
  files.config.class_embed_type = ClassEmbedType::none;
  files.config.out_channels *= 2;
  EXPECT_THAT(card_of(files), Not(HasSubstr("from diffusers")));
}

TEST_F(Convert, EightBitsAreForLargeTensors) {
  convert_model(input_, output_, WeightType::f32);
  const fs::path quarter = folder_ / "quarter";
  convert_model(output_, quarter, WeightType::f8);
  const ModelFiles files = open_model(quarter);
  int num_large = 0, num_small = 0;
  for (const io::TensorEntry& entry : files.weights) {
    const bool is_large = entry.num_elements() >= 16'384;
    (is_large ? num_large : num_small) += 1;
    EXPECT_EQ(entry.type, is_large ? io::StoredType::f8_e4m3 : io::StoredType::f16) << entry.name;
  }
  EXPECT_GT(num_large, 0);
  EXPECT_GT(num_small, 0);
  const LoadedModel whole = load_model(output_, make_device(DeviceKind::reference));
  const LoadedModel small = load_model(quarter, make_device(DeviceKind::reference));
  for (std::size_t k = 0; k < whole.unet.parameters().size(); ++k) {
    const std::vector<float> a = to_host(whole.unet.parameters()[k]->value);
    const std::vector<float> b = to_host(small.unet.parameters()[k]->value);
    for (std::size_t i = 0; i < a.size(); ++i)  // half of the last of 4 bits, or of a step of 2^-9
      ASSERT_NEAR(a[i], b[i], std::max(0x1p-4F * std::abs(a[i]), 0x1p-10F)) << k;
  }
  expect_error(ErrorCode::user, "--dtype f8 is of diffusers folders", [&] {
    write_model(files, folder_ / "a.ckpt",
                {.target = ConvertTarget::official_weights, .type = WeightType::f8});
  });
}

TEST_F(Convert, WeightsOfAnotherNetworkAreRefused) {
  edit_text(input_ / "config.json", "\"num_res_blocks\": 1", "\"num_res_blocks\": 2");
  expect_refused(ErrorCode::corrupt, {"unet.safetensors", "missing (", "down.0.block.1."});
}

TEST_F(Convert, AttentionOfAnotherShapeIsRefused) {
  edit_text(input_ / "config.json", "\"ch\": 32", "\"ch\": 64");
  expect_refused(ErrorCode::corrupt, {"unet.safetensors", "tensor ", "expected ["});
}

}  // namespace
}  // namespace ddim::engine::model
