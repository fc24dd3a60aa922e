#include "io/diffusers_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// unet/config.json of google/ddpm-cifar10-32.
const char* const kCifar10 = R"({
  "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4",
  "sample_size": 32, "in_channels": 3, "out_channels": 3, "layers_per_block": 2,
  "block_out_channels": [128, 256, 256, 256],
  "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
  "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
  "act_fn": "silu", "norm_num_groups": 32, "norm_eps": 1e-06, "attention_head_dim": null,
  "downsample_padding": 0, "flip_sin_to_cos": false, "freq_shift": 1,
  "time_embedding_type": "positional", "mid_block_scale_factor": 1, "center_input_sample": false
})";

// What diffusers' EMAModel, and --unet-ema here, write beside the network says nothing of it.
TEST(UNetFileConfig, SettingsOfAnAverageAreNoUnknownKeys) {
  const UNetFileConfig config = parse_unet_config(
      R"({"block_out_channels": [32], "down_block_types": ["DownBlock2D"],
          "up_block_types": ["UpBlock2D"], "decay": 0.9999, "inv_gamma": 1.0, "min_decay": 0.0,
          "optimization_step": 7, "power": 0.75, "update_after_step": 0, "use_ema_warmup": false,
          "averaged": true})",
      "config.json");
  EXPECT_THAT(config.unknown_keys, ElementsAre("averaged"));
}

TEST(UNetFileConfig, ReadsThePublishedCifar10File) {
  const UNetFileConfig config = parse_unet_config(kCifar10, "config.json");
  EXPECT_EQ(config.diffusers_version, "0.0.4");
  EXPECT_EQ(config.sample_size, 32);
  EXPECT_THAT(config.block_out_channels, ElementsAre(128, 256, 256, 256));
  EXPECT_EQ(config.down_block_types[1], "AttnDownBlock2D");
  EXPECT_EQ(config.up_block_types[2], "AttnUpBlock2D");
  EXPECT_EQ(config.norm_eps, 1e-6);
  EXPECT_EQ(config.attention_head_dim, std::nullopt);
  EXPECT_EQ(config.downsample_padding, 0);
  EXPECT_FALSE(config.flip_sin_to_cos);
  EXPECT_EQ(config.freq_shift, 1);
  EXPECT_EQ(config.mid_block_scale_factor, 1.0);
  EXPECT_THAT(config.unknown_keys, ElementsAre());
}

TEST(UNetFileConfig, AbsentKeysMeanWhatDiffusersMeans) {
  const UNetFileConfig config = parse_unet_config("{}", "config.json");
  EXPECT_EQ(config.sample_size, std::nullopt);
  EXPECT_EQ(config.attention_head_dim, 8);
  EXPECT_EQ(config.norm_eps, 1e-5);
  EXPECT_TRUE(config.flip_sin_to_cos);
  EXPECT_EQ(config.freq_shift, 0);
  EXPECT_EQ(config.downsample_padding, 1);
  EXPECT_THAT(config.block_out_channels, ElementsAre(224, 448, 672, 896));
  EXPECT_EQ(config.mid_block_type, "UNetMidBlock2D");
}

TEST(UNetFileConfig, WritesEveryFieldAndReadsItBack) {
  UNetFileConfig config = parse_unet_config(kCifar10, "config.json");
  config.in_channels = 1;
  config.out_channels = 2;
  config.center_input_sample = true;
  config.time_embedding_type = "fourier";
  config.time_embedding_dim = 5;
  config.mid_block_type = std::nullopt;
  config.layers_per_block = 3;
  config.mid_block_scale_factor = 1.5;
  config.downsample_type = "resnet";
  config.upsample_type = "resnet";
  config.dropout = 0.1;
  config.act_fn = "gelu";
  config.norm_num_groups = 16;
  config.attn_norm_num_groups = 8;
  config.resnet_time_scale_shift = "scale_shift";
  config.add_attention = false;
  config.class_embed_type = "timestep";
  config.num_class_embeds = 10;
  config.num_train_timesteps = 500;
  const std::string text = to_json(config);
  const UNetFileConfig back = parse_unet_config(text, "config.json");
  EXPECT_EQ(to_json(back), text);
  EXPECT_EQ(back.in_channels, 1);
  EXPECT_EQ(back.out_channels, 2);
  EXPECT_TRUE(back.center_input_sample);
  EXPECT_EQ(back.time_embedding_type, "fourier");
  EXPECT_EQ(back.time_embedding_dim, 5);
  EXPECT_EQ(back.mid_block_type, std::nullopt);
  EXPECT_EQ(back.layers_per_block, 3);
  EXPECT_EQ(back.mid_block_scale_factor, 1.5);
  EXPECT_EQ(back.downsample_type, "resnet");
  EXPECT_EQ(back.upsample_type, "resnet");
  EXPECT_EQ(back.dropout, 0.1);
  EXPECT_EQ(back.act_fn, "gelu");
  EXPECT_EQ(back.norm_num_groups, 16);
  EXPECT_EQ(back.attn_norm_num_groups, 8);
  EXPECT_EQ(back.resnet_time_scale_shift, "scale_shift");
  EXPECT_FALSE(back.add_attention);
  EXPECT_EQ(back.class_embed_type, "timestep");
  EXPECT_EQ(back.num_class_embeds, 10);
  EXPECT_EQ(back.num_train_timesteps, 500);
  EXPECT_EQ(back.attention_head_dim, std::nullopt);
  EXPECT_THAT(text, AllOf(HasSubstr("\"attention_head_dim\": null"), HasSubstr("1e-06"),
                          testing::EndsWith("}\n")));
  EXPECT_THAT(back.unknown_keys, ElementsAre());
}

TEST(UNetFileConfig, PreReleaseSpelling) {
  const UNetFileConfig config = parse_unet_config(
      R"({"_class_name": "UNetModel", "ch": 64, "ch_mult": [1, 2, 4], "attn_resolutions": [16],
          "num_res_blocks": 3, "resamp_with_conv": true, "resolution": 32, "resnet_eps": 1e-4,
          "downscale_freq_shift": 0, "num_head_channels": 16})",
      "config.json");
  EXPECT_THAT(config.block_out_channels, ElementsAre(64, 128, 256));
  EXPECT_THAT(config.down_block_types,
              ElementsAre("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"));
  EXPECT_THAT(config.up_block_types, ElementsAre("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"));
  EXPECT_EQ(config.layers_per_block, 3);
  EXPECT_EQ(config.sample_size, 32);
  EXPECT_EQ(config.norm_eps, 1e-4);
  EXPECT_EQ(config.freq_shift, 0);
  EXPECT_EQ(config.attention_head_dim, 16);
  EXPECT_FALSE(config.flip_sin_to_cos);
  EXPECT_EQ(config.downsample_padding, 0);
  EXPECT_EQ(config.downsample_type, "conv");
  EXPECT_THAT(config.unknown_keys, ElementsAre());
  EXPECT_EQ(parse_unet_config(R"({"image_size": [64, 64], "resamp_with_conv": false})", "c")
                .downsample_type,
            "pool");
  EXPECT_EQ(parse_unet_config(R"({"image_size": [64, 64]})", "c").sample_size, 64);
  const UNetFileConfig wide = parse_unet_config(R"({"sample_size": [16, 32]})", "c");
  EXPECT_EQ(wide.sample_size, 16);
  EXPECT_EQ(wide.sample_width, 32);
  EXPECT_EQ(parse_unet_config(to_json(wide), "c").sample_width, 32);
  EXPECT_EQ(parse_unet_config(to_json(parse_unet_config("{}", "c")), "c").sample_size,
            std::nullopt);
}

TEST(UNetFileConfig, TellsOfKeysItDoesNotKnow) {
  EXPECT_THAT(parse_unet_config(R"({"zebra": 1, "_private": 2, "attn": [], "act_fn": "silu"})", "c")
                  .unknown_keys,
              ElementsAre("attn", "zebra"));
}

struct BadConfig {
  const char* text;
  const char* message;
};

TEST(UNetFileConfig, BadFilesAreRefusedByFieldName) {
  const BadConfig cases[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"<html>", "not valid JSON"},
      {"{\"a\": NaNs}", "not valid JSON"},
      {"{\"a\": --Infinity}", "not valid JSON"},
      {"{\"norm_eps\": NaN}", "field norm_eps must be a number in 0..1, not NaN"},
      {"{\"in_channels\": -Infinity}", "field in_channels must be a whole number"},
      {"{\"a\": 1e999}", "too large"},
      {"{\"a\": \"\xFF\"}", "not valid JSON"},
      {R"({"dropout": 0, "dropout": 0})", "\"dropout\" occurs twice"},
      {R"({"a": {"b": 1, "b": 2}})", "\"b\" occurs twice"},
      {R"({"sample_size": 0})", "sample_size"},
      {R"({"sample_size": [32, 64, 64]})", "sample_size"},
      {R"({"sample_size": [32, 0]})", "sample_size"},
      {R"({"sample_size": "32"})", "sample_size"},
      {R"({"sample_size": 32, "resolution": 32})", "sample_size and resolution"},
      {R"({"in_channels": -3})", "in_channels"},
      {R"({"in_channels": 3.5})", "in_channels"},
      {R"({"in_channels": 18446744073709551615})", "in_channels"},
      {R"({"in_channels": true})", "in_channels"},
      {R"({"in_channels": null})", "in_channels"},
      {R"({"flip_sin_to_cos": 1})", "flip_sin_to_cos"},
      {R"({"act_fn": 1})", "act_fn"},
      {R"({"norm_eps": -1e-6})", "norm_eps"},
      {R"({"norm_eps": "1e-6"})", "norm_eps"},
      {R"({"dropout": 1.5})", "dropout"},
      {R"({"downsample_padding": 2})", "downsample_padding"},
      {R"({"attention_head_dim": 0})", "attention_head_dim"},
      {R"({"norm_num_groups": 0})", "norm_num_groups"},
      {R"({"block_out_channels": 128})", "block_out_channels"},
      {R"({"block_out_channels": ["128"]})", "block_out_channels"},
      {R"({"block_out_channels": [128, 0, 1, 1]})", "block_out_channels"},
      {R"({"block_out_channels": [128]})", "same length"},
      {R"({"block_out_channels": [], "down_block_types": [], "up_block_types": []})",
       "same length"},
      {R"({"down_block_types": [1]})", "down_block_types"},
      {R"({"ch_mult": [1, 2], "block_out_channels": [1, 2]})", "mean the same"},
      {R"({"ch_mult": [1, 2], "attn_resolutions": [16]})", "attn_resolutions"},
  };
  for (const BadConfig& bad : cases) {
    SCOPED_TRACE(bad.text);
    expect_error(ErrorCode::corrupt, AllOf(HasSubstr("dir/config.json"), HasSubstr(bad.message)),
                 [&] { parse_unet_config(bad.text, "dir/config.json"); });
  }
  // The JSON library takes a NUL for the end.
  expect_error(ErrorCode::corrupt, HasSubstr("NUL"),
               [&] { parse_unet_config(std::string("{}\0 and more", 12), "config.json"); });
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  expect_error(ErrorCode::corrupt, HasSubstr("deeper"),
               [&] { parse_unet_config("{\"a\":" + deep + "}", "config.json"); });
}

TEST(UNetFileConfig, EveryTruncationIsRefused) {
  const std::string text = to_json(UNetFileConfig{});
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    EXPECT_THROW(parse_unet_config(text.substr(0, size), "config.json"), Error) << size;
  }
}

TEST(SchedulerFileConfig, ReadsThePublishedDdpmFile) {
  const SchedulerFileConfig config = parse_scheduler_config(
      R"({"_class_name": "DDPMScheduler", "num_train_timesteps": 1000, "beta_start": 0.0001,
          "beta_end": 0.02, "beta_schedule": "linear", "trained_betas": null,
          "variance_type": "fixed_large", "clip_sample": true})",
      "scheduler_config.json");
  EXPECT_EQ(config.class_name, "DDPMScheduler");
  EXPECT_EQ(config.variance_type, "fixed_large");
  EXPECT_EQ(config.trained_betas, std::nullopt);
  EXPECT_TRUE(config.clip_sample);
  EXPECT_EQ(config.timestep_spacing, "leading");
  EXPECT_THAT(config.unknown_keys, ElementsAre());
  EXPECT_THAT(to_json(config),
              AllOf(HasSubstr("fixed_large"), testing::Not(HasSubstr("set_alpha_to_one"))));
}

TEST(SchedulerFileConfig, WritesEveryFieldAndReadsItBack) {
  SchedulerFileConfig config;
  config.num_train_timesteps = 3;
  config.beta_start = 0.125;
  config.beta_end = 0.25;
  config.beta_schedule = "scaled_linear";
  config.trained_betas = std::vector<double>{0.1, 0.2, 0.3};
  config.clip_sample = false;
  config.clip_sample_range = 2.0;
  config.prediction_type = "v_prediction";
  config.thresholding = true;
  config.dynamic_thresholding_ratio = 0.5;
  config.sample_max_value = 3.0;
  config.timestep_spacing = "trailing";
  config.steps_offset = 1;
  config.rescale_betas_zero_snr = true;
  config.set_alpha_to_one = false;
  const std::string text = to_json(config);
  EXPECT_THAT(text, testing::Not(HasSubstr("variance_type")));
  const SchedulerFileConfig back = parse_scheduler_config(text, "s");
  EXPECT_EQ(to_json(back), text);
  EXPECT_EQ(back.num_train_timesteps, 3);
  EXPECT_EQ(back.beta_start, 0.125);
  EXPECT_EQ(back.beta_end, 0.25);
  EXPECT_EQ(back.beta_schedule, "scaled_linear");
  EXPECT_EQ(back.trained_betas, config.trained_betas);
  EXPECT_FALSE(back.clip_sample);
  EXPECT_EQ(back.clip_sample_range, 2.0);
  EXPECT_EQ(back.prediction_type, "v_prediction");
  EXPECT_TRUE(back.thresholding);
  EXPECT_EQ(back.dynamic_thresholding_ratio, 0.5);
  EXPECT_EQ(back.sample_max_value, 3.0);
  EXPECT_EQ(back.timestep_spacing, "trailing");
  EXPECT_EQ(back.steps_offset, 1);
  EXPECT_TRUE(back.rescale_betas_zero_snr);
  EXPECT_FALSE(back.set_alpha_to_one);
}

TEST(SchedulerFileConfig, OldSpellingAndBadFields) {
  EXPECT_EQ(parse_scheduler_config(R"({"timesteps": 500})", "s").num_train_timesteps, 500);
  const BadConfig cases[] = {
      {R"({"num_train_timesteps": 0})", "num_train_timesteps"},
      {R"({"num_train_timesteps": 1e3})", "num_train_timesteps"},
      {R"({"beta_start": -0.1})", "beta_start"},
      {R"({"beta_end": 2})", "beta_end"},
      {R"({"trained_betas": [0.1, "x"]})", "trained_betas"},
      {R"({"trained_betas": [0.1, 1.5]})", "trained_betas"},
      {R"({"trained_betas": [0.1, 0.2], "num_train_timesteps": 1000})",
       "trained_betas has 2 values, but num_train_timesteps is 1000"},
      {R"({"trained_betas": [0.1, 0.2, 0.3], "num_train_timesteps": 2})", "has 3 values"},
      {R"({"timestep_values": [1, 500]})", "timestep_values"},
      {R"({"predict_epsilon": 0})", "predict_epsilon"},
      {R"({"predict_epsilon": false, "prediction_type": "v_prediction"})",
       "prediction_type is v_prediction"},
      {R"({"clip_sample": "yes"})", "clip_sample"},
      {R"({"steps_offset": -1})", "steps_offset"},
  };
  for (const BadConfig& bad : cases) {
    SCOPED_TRACE(bad.text);
    expect_error(ErrorCode::corrupt, AllOf(HasSubstr("s.json"), HasSubstr(bad.message)),
                 [&] { parse_scheduler_config(bad.text, "s.json"); });
  }
}

TEST(ModelIndex, ReadsAndWrites) {
  EXPECT_EQ(to_json(ModelIndex{}),
            "{\n"
            "  \"_class_name\": \"DDIMPipeline\",\n"
            "  \"_diffusers_version\": \"0.31.0\",\n"
            "  \"scheduler\": [\n    \"diffusers\",\n    \"DDIMScheduler\"\n  ],\n"
            "  \"unet\": [\n    \"diffusers\",\n    \"UNet2DModel\"\n  ]\n"
            "}\n");
  const ModelIndex index = parse_model_index(to_json(ModelIndex{}), "model_index.json");
  EXPECT_EQ(index.unet_class, "UNet2DModel");
  const ModelIndex old = parse_model_index(
      R"({"_class_name": "DDPM", "_module": "modeling_ddpm.py",
          "noise_scheduler": ["diffusers", "GaussianDDPMScheduler"],
          "unet": ["diffusers", "UNetUnconditionalModel"]})",
      "model_index.json");
  EXPECT_EQ(old.scheduler_class, "GaussianDDPMScheduler");
  EXPECT_EQ(old.class_name, "DDPM");
}

TEST(ModelIndex, KeepsWhatPeopleCallTheModelAndItsClasses) {
  ModelIndex index;
  index.names = {.model = "pets", .classes = {"cat", "a \"dog\""}};
  const ModelIndex again = parse_model_index(to_json(index), "model_index.json");
  EXPECT_EQ(again.names.model, "pets");
  EXPECT_EQ(again.names.classes, index.names.classes);
  EXPECT_TRUE(parse_model_index(to_json(ModelIndex{}), "model_index.json").names.model.empty());
}

TEST(ModelIndex, ThePipelineMayHaveAnyName) {
  for (const char* name :
       {"MyPipeline", "ScoreSdeVePipeline", "pipeline.DDIMPipelineWithCallback"}) {
    const ModelIndex index = parse_model_index(
        concat(R"({"_class_name": ")", name, R"(", "unet": ["diffusers", "UNet2DModel"],
                  "scheduler": ["diffusers", "DDIMScheduler"], "guidance_scale": 2.5})"),
        "index.json");
    EXPECT_EQ(index.class_name, name);
    EXPECT_EQ(index.scheduler_class, "DDIMScheduler");
  }
}

TEST(ModelIndex, APartThatIsAbsentIsNone) {
  for (const char* part : {R"("vqvae": [null, null])", R"("vae": null)"})
    EXPECT_EQ(parse_model_index(concat(R"({"_class_name": "Mine", )", part, R"(,
                  "unet": ["diffusers", "UNet2DModel"],
                  "scheduler": ["diffusers", "DDIMScheduler"]})"),
                                "index.json")
                  .unet_class,
              "UNet2DModel");
}

TEST(ModelIndex, RefusesOtherPipelines) {
  const BadConfig cases[] = {
      {R"({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DModel"],
           "scheduler": ["diffusers", "DDIMScheduler"]})",
       "this is a StableDiffusionPipeline, a latent or text-to-image model"},
      {R"({"_class_name": "LDMPipeline", "unet": ["diffusers", "UNet2DModel"]})",
       "which ddim does not support"},
      {R"({"_class_name": "MyPipeline", "unet": ["diffusers", "UNet2DModel"],
           "scheduler": ["diffusers", "DDIMScheduler"], "vae": ["diffusers", "AutoencoderKL"]})",
       "this is a MyPipeline with \"vae\", a latent or text-to-image model"},
      {R"({"_class_name": "Mine", "unet": ["mine", "UNet"], "scheduler": ["diffusers", "DDIMScheduler"]})",
       "\"UNet\""},
      {R"({"unet": ["diffusers", "UNet2DConditionModel"],
           "scheduler": ["diffusers", "DDIMScheduler"]})",
       "UNet2DConditionModel"},
      {R"({"scheduler": ["diffusers", "DDIMScheduler"]})", "unet is missing"},
      {R"({"unet": ["diffusers", "UNet2DModel"]})", "scheduler is missing"},
      {R"({"unet": "UNet2DModel"})", "unet"},
      {R"({"unet": ["diffusers", 1]})", "unet"},
  };
  for (const BadConfig& bad : cases) {
    SCOPED_TRACE(bad.text);
    expect_error(ErrorCode::corrupt, AllOf(HasSubstr("index.json"), HasSubstr(bad.message)),
                 [&] { parse_model_index(bad.text, "index.json"); });
  }
}

// What save_pretrained of diffusers 0.42 writes, in part.
TEST(SchedulerFileConfig, NumbersAndNullsOfPython) {
  const SchedulerFileConfig config = parse_scheduler_config(
      R"({"_class_name": "DPMSolverMultistepScheduler", "beta_end": 0.02, "beta_schedule": "linear",
          "beta_start": 0.0001, "lambda_min_clipped": -Infinity, "variance_type": null,
          "clip_sample": null, "thresholding": null, "sample_max_value": Infinity,
          "other": [NaN, {"deep": Infinity, "text": "NaN and \"Infinity\""}]})",
      "s.json");
  EXPECT_EQ(config.without_betas, "");
  EXPECT_FALSE(config.clip_sample);
  EXPECT_FALSE(config.thresholding);
  EXPECT_EQ(config.variance_type, "fixed_small");
  EXPECT_EQ(config.sample_max_value, std::numeric_limits<double>::infinity());
  EXPECT_THAT(config.unknown_keys, ElementsAre("other"));
}

TEST(SchedulerFileConfig, OfTheFirstVersionsOfDiffusers) {
  const SchedulerFileConfig config = parse_scheduler_config(
      R"({"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02,
          "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": true,
          "num_train_timesteps": null, "timesteps": 500, "tensor_format": "pt",
          "timestep_values": null, "trained_betas": null, "variance_type": "fixed_small",
          "predict_epsilon": true})",
      "s.json");
  EXPECT_EQ(config.num_train_timesteps, 500);
  EXPECT_EQ(config.trained_betas, std::nullopt);
  EXPECT_EQ(config.prediction_type, "epsilon");
  EXPECT_THAT(config.unknown_keys, ElementsAre());
  for (const char* text : {R"({"predict_epsilon": false})",
                           R"({"predict_epsilon": false, "prediction_type": "sample"})",
                           R"({"predict_epsilon": null, "prediction_type": "sample"})"})
    EXPECT_EQ(parse_scheduler_config(text, "s").prediction_type, "sample") << text;
  expect_error(ErrorCode::corrupt, HasSubstr("mean the same"), [] {
    parse_scheduler_config(R"({"num_train_timesteps": 500, "timesteps": 500})", "s.json");
  });
}

TEST(SchedulerFileConfig, AbsentBetasAreThoseOfTheClass) {
  struct Class {
    const char* name;
    double start, end;
    const char* schedule;
  };
  for (const auto& [name, start, end, schedule] :
       {Class{"UniPCMultistepScheduler", 1e-4, 0.02, "linear"},
        Class{"HeunDiscreteScheduler", 0.00085, 0.012, "linear"},
        Class{"KDPM2AncestralDiscreteScheduler", 0.00085, 0.012, "linear"},
        Class{"LCMScheduler", 0.00085, 0.012, "scaled_linear"},
        Class{"TCDScheduler", 0.00085, 0.012, "scaled_linear"},
        Class{"PNDMScheduler", 1e-4, 0.02, "linear"},
        // A class of tomorrow or of one's own, with all of them.
        Class{"MyScheduler\", \"beta_start\": 0.1, \"beta_end\": 0.2, \"beta_schedule\": \"linear",
              0.1, 0.2, "linear"}}) {
    SCOPED_TRACE(name);
    const SchedulerFileConfig config =
        parse_scheduler_config(concat("{\"_class_name\": \"", name, "\"}"), "s.json");
    EXPECT_EQ(config.without_betas, "");
    EXPECT_EQ(config.beta_start, start);
    EXPECT_EQ(config.beta_end, end);
    EXPECT_EQ(config.beta_schedule, schedule);
  }
}

TEST(SchedulerFileConfig, ClassesWithoutBetasAreNotTakenAsLinear) {
  const auto reason = [](const std::string& fields) {
    return parse_scheduler_config("{" + fields + "}", "s.json").without_betas;
  };
  EXPECT_EQ(reason(R"("_class_name": "EDMEulerScheduler")"),
            "EDMEulerScheduler has no betas of its own");
  EXPECT_EQ(reason(R"("_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 1.0)"),
            "FlowMatchEulerDiscreteScheduler has no betas of its own");
  EXPECT_EQ(reason(R"("_class_name": "IPNDMScheduler", "trained_betas": [0.1, 0.2])"),
            "IPNDMScheduler has no betas of its own");  // which squares them
  EXPECT_EQ(reason(R"("_class_name": "MyScheduler", "beta_start": 0.1)"),
            "MyScheduler has no betas of its own");
  EXPECT_THAT(reason(R"("_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true)"),
              HasSubstr("use_flow_sigmas is true"));
  EXPECT_THAT(reason(R"("_class_name": "CogVideoXDDIMScheduler")"),
              HasSubstr("snr_shift_scale is 3"));
  EXPECT_EQ(reason(R"("_class_name": "UnCLIPScheduler", "beta_schedule": "squaredcos_cap_v2")"),
            "");
}

}  // namespace
}  // namespace ddim::engine::io
