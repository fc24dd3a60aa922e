#include "model/file_configs.h"

#include "model/network_config.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::model {
namespace {

using test::expect_error;

TEST(FileConfigs, NetworkSurvivesTheFile) {
  UNetConfig odd = small_config();
  odd.dropout = 0.25;
  odd.attention_head_dim = 4;
  odd.downsample_padding = 1;
  odd.flip_sin_to_cos = true;
  odd.freq_shift = 0;
  odd.norm_eps = 1e-5;
  odd.base_channels = 4;
  UNetConfig unusual = odd;
  unusual.attn_norm_num_groups = 2;
  unusual.time_embedding_dim = 11;
  unusual.sample_width = 6;
  for (const UNetConfig& config :
       {cifar10_config(), celeba64_config(), lsun256_config(), odd, unusual, modulated_config(),
        learned_times_config(), fourier_config()}) {
    const std::string text = io::to_json(file_config(config));
    EXPECT_EQ(network_config(io::parse_unet_config(text, "config.json"), "config.json"), config);
  }
}

TEST(FileConfigs, TheWayUpMirrorsTheWayDown) {
  const io::UNetFileConfig file = file_config(lsun256_config());
  EXPECT_EQ(file.down_block_types[4], "AttnDownBlock2D");
  EXPECT_EQ(file.up_block_types[1], "AttnUpBlock2D");
  EXPECT_EQ(file.attention_head_dim, std::nullopt);
}

struct Unsupported {
  std::function<void(io::UNetFileConfig&)> change;
  std::vector<std::string> message;
};

TEST(FileConfigs, RefusesNetworksThatItDoesNotHave) {
  const Unsupported cases[] = {
      {[](auto& c) { c.time_embedding_type = "adm"; },
       {"time_embedding_type is \"adm\"; supported are \"positional\", \"fourier\", \"learned\""}},
      {[](auto& c) { c.time_embedding_type = "learned"; }, {"num_train_timesteps is missing"}},
      {[](auto& c) { c.mid_block_type = "UNetMidBlock2DCrossAttn"; },
       {"mid_block_type is \"UNetMidBlock2DCrossAttn\""}},
      {[](auto& c) { c.downsample_type = "pool"; }, {"downsample_type is \"pool\""}},
      {[](auto& c) { c.upsample_type = "pool"; }, {"upsample_type is \"pool\""}},
      {[](auto& c) { c.resnet_time_scale_shift = "spatial"; },
       {"resnet_time_scale_shift is \"spatial\"; supported are \"default\", \"scale_shift\""}},
      {[](auto& c) { c.class_embed_type = "projection"; }, {"class_embed_type is \"projection\""}},
      {[](auto& c) { c.act_fn = "leaky_relu"; }, {"act_fn is \"leaky_relu\""}},
      {[](auto& c) { c.sample_size.reset(); }, {"sample_size is missing"}},
      {[](auto& c) { c.down_block_types[0] = "SkipDownBlock2D"; },
       {"down_block_types[0] is \"SkipDownBlock2D\"; supported are", "\"AttnDownBlock2D\""}},
      {[](auto& c) { c.up_block_types[1] = "KUpBlock2D"; },
       {"up_block_types[1] is \"KUpBlock2D\""}},
      {[](auto& c) { c.down_block_types[1] = "CrossAttnDownBlock2D"; },
       {"down_block_types[1] is \"CrossAttnDownBlock2D\""}},
      {[](auto& c) { c.down_block_types.pop_back(); },
       {"down_block_types has 3 entries, block_out_channels has 4"}},
      {[](auto& c) { c.up_block_types.pop_back(); },
       {"up_block_types has 3 entries, block_out_channels has 4"}},
      {[](auto& c) { c.block_out_channels[1] = 48; },
       {"unet: block_out_channels[1] (48) must be a multiple of norm_num_groups (32)"}},
      {[](auto& c) { c.block_out_channels.clear(); }, {"block_out_channels is empty"}},
  };
  for (const Unsupported& unsupported : cases) {
    io::UNetFileConfig file = file_config(cifar10_config());
    unsupported.change(file);
    std::vector<std::string> message = unsupported.message;
    message.emplace_back("some/config.json: ");
    expect_error(ErrorCode::user, message, [&] { network_config(file, "some/config.json"); });
  }
}

TEST(FileConfigs, AcceptsOtherSpellingsOfTheSame) {
  io::UNetFileConfig file = file_config(cifar10_config());
  file.act_fn = "SiLU";
  file.down_block_types[0] = "UNetResDownBlock2D";
  file.down_block_types[1] = "UNetResAttnDownBlock2D";
  file.down_block_types[3] = "ResnetDownsampleBlock2D";  // of the coarsest level: nothing to halve
  file.attn_norm_num_groups = 32;
  file.time_embedding_dim = 512;
  EXPECT_EQ(network_config(file, "config.json"), cifar10_config());
}

TEST(FileConfigs, BlocksInAnyOrder) {
  const io::UNetFileConfig file = file_config(modulated_config());
  EXPECT_EQ(file.down_block_types,
            (std::vector<std::string>{"AttnDownBlock2D", "DownBlock2D", "AttnDownBlock2D"}));
  EXPECT_EQ(file.downsample_type, "resnet");
  EXPECT_EQ(file.up_block_types,
            (std::vector<std::string>{"ResnetUpsampleBlock2D", "AttnUpBlock2D", "UpBlock2D"}));
  EXPECT_EQ(file.upsample_type, "resnet");
  EXPECT_EQ(file.num_class_embeds, 4);
  EXPECT_EQ(file.class_embed_type, std::nullopt);
}

TEST(FileConfigs, AMixtureThatDiffusersHasNoWordsForIsRefused) {
  UNetConfig config = modulated_config();
  config.attention_levels = {0, 1};
  expect_error(ErrorCode::user, {"no words for such a mixture"}, [&] { file_config(config); });
}

TEST(FileConfigs, WhatDiffusersTakesForAbsentFields) {
  const UNetConfig config =
      network_config(io::parse_unet_config(R"({"sample_size": 32})", "config.json"), "config.json");
  EXPECT_EQ(config.attention_head_dim, 8);
  EXPECT_EQ(config.norm_eps, 1e-5);
  EXPECT_EQ(config.downsample_padding, 1);
  EXPECT_TRUE(config.flip_sin_to_cos);
  EXPECT_EQ(config.freq_shift, 0);
  EXPECT_EQ(config.attention_levels, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(config.up_attention_levels, std::nullopt);
  EXPECT_EQ(config.act_fn, Activation::silu);
}

diffusion::Schedule schedule_in(const io::SchedulerFileConfig& file) {
  return schedule_of(process_of(file, "s.json"), "s.json");
}

TEST(FileConfigs, ScheduleOfTheFile) {
  const diffusion::Schedule linear = schedule_in(io::SchedulerFileConfig{});
  EXPECT_EQ(linear.num_steps(), 1000);
  EXPECT_EQ(linear.betas().back(), 0.02);

  io::SchedulerFileConfig trained;
  trained.trained_betas = std::vector<double>{0.1, 0.2};
  EXPECT_DOUBLE_EQ(schedule_in(trained).alpha_bar(1), 0.9 * 0.8);

  const io::SchedulerFileConfig ours = file_config(ForwardProcess{.beta_end = 0.03, .T = 500});
  EXPECT_FALSE(ours.clip_sample);
  EXPECT_EQ(schedule_in(ours).num_steps(), 500);
  EXPECT_EQ(schedule_in(ours).betas().back(), 0.03);
}

// What a run writes, a model reads back: the same forward process and prediction.
TEST(FileConfigs, EveryForwardProcessComesBackFromItsFile) {
  for (const auto& [kind, kind_name] : Names<BetaKind>::all()) {
    for (const auto& [prediction, prediction_name] : Names<Prediction>::all()) {
      ForwardProcess process{.schedule = kind,
                             .beta_start = 0.001,
                             .beta_end = 0.3,
                             .T = 20,
                             .prediction = prediction};
      if (kind == BetaKind::list) process.betas = {0.1, 0.2, 0.3};
      if (prediction == Prediction::v) process.terminal_snr = TerminalSnr::zero;
      const io::SchedulerFileConfig file =
          io::parse_scheduler_config(io::to_json(file_config(process)), "s.json");
      EXPECT_EQ(schedule_in(file).betas(), diffusion::make_schedule(process).betas());
      EXPECT_EQ(process_of(file, "s.json").prediction, prediction);
      EXPECT_EQ(file.num_train_timesteps, diffusion::make_schedule(process).num_steps());
      EXPECT_NE(file.beta_schedule, "sigmoid");  // unknown to diffusers' DDIMScheduler
    }
  }
}

TEST(FileConfigs, RefusesSchedulesThatItDoesNotHave) {
  const auto refuses = [](const auto& change, const std::vector<std::string>& message) {
    io::SchedulerFileConfig file;
    change(file);
    expect_error(ErrorCode::user, message, [&] { schedule_in(file); });
  };
  refuses([](auto& c) { c.beta_schedule = "laplace"; },
          {"s.json: beta_schedule is \"laplace\"", "squaredcos_cap_v2"});
  io::SchedulerFileConfig flow;
  flow.prediction_type = "flow_prediction";
  expect_error(ErrorCode::user, {"s.json: prediction_type is \"flow_prediction\"", "v_prediction"},
               [&] { process_of(flow, "s.json"); });
  refuses([](auto& c) { c.beta_end = 1.5; }, {"s.json: "});
}

}  // namespace
}  // namespace ddim::engine::model
