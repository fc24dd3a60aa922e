#include "model/official_config.h"

#include <ddim/json.h>

#include <algorithm>

#include "base/error.h"
#include "io/json_fields.h"
#include "model/file_configs.h"
#include "model/overrides.h"

namespace ddim::engine::model {
namespace {

using io::JsonFields;

/// Of a number of channels, levels, blocks, steps or pixels.
constexpr JsonFields::Range<std::int64_t> kCount{1, 65536};
constexpr JsonFields::Range<double> kFraction{0.0, 1.0};

template <class Value>
void require_only(const JsonFields& file, const char* field, const Value& found,
                  const Value& supported) {
  require(found == supported, file.file_name(), ": ", field, " is ", Json(found).text(), "; only ",
          Json(supported).text(), " is supported");
}

UNetConfig network_config(JsonFields& file, const ModelOverrides& size) {
  JsonFields model = file.section("model"), data = file.section("data");
  std::string type;
  model.read_required({"type"}, type);
  require_only<std::string>(file, "model.type", type, "simple");
  bool resamp_with_conv = false;
  model.read_required({"resamp_with_conv"}, resamp_with_conv);
  require_only(file, "model.resamp_with_conv", resamp_with_conv, true);

  UNetConfig config;
  std::int64_t channels = 0;
  std::vector<std::int64_t> factors, resolutions;
  data.read_required({"image_size"}, config.sample_size, kCount);
  model.read_required({"in_channels"}, config.in_channels, kCount);
  model.read_required({"out_ch"}, config.out_channels, kCount);
  model.read_required({"num_res_blocks"}, config.layers_per_block, kCount);
  model.read_required({"dropout"}, config.dropout, kFraction);
  model.read_required({"ch"}, channels, kCount);
  model.read_required({"ch_mult"}, factors, kCount);
  model.read_required({"attn_resolutions"}, resolutions, kCount);

  for (const std::int64_t factor : factors) config.block_out_channels.push_back(channels * factor);
  require(!factors.empty(), file.file_name(), ": model.ch_mult is empty");
  if (config.block_out_channels.front() != channels) config.base_channels = channels;

  std::vector<std::int64_t> known;
  std::int64_t resolution = config.sample_size;
  for (std::int64_t level = 0; level < config.num_levels(); ++level, resolution /= 2) {
    known.push_back(resolution);
    if (std::ranges::find(resolutions, resolution) != resolutions.end())
      config.attention_levels.push_back(level);
  }
  for (const std::int64_t wanted : resolutions) {
    require(std::ranges::find(known, wanted) != known.end(), file.file_name(),
            ": model.attn_resolutions contains ", wanted, ", but the levels have ",
            join(known, ", "));
  }
  apply_size(size, config);
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), named_with_size(file.file_name(), size), ": ", error.what());
  }
  return config;
}

/// What the code calls its betas.
constexpr std::pair<const char*, BetaKind> kBetaSchedules[] = {{"linear", BetaKind::linear},
                                                               {"quad", BetaKind::scaled_linear},
                                                               {"sigmoid", BetaKind::sigmoid},
                                                               {"const", BetaKind::list}};

io::SchedulerFileConfig scheduler_config(JsonFields& file) {
  JsonFields diffusion = file.section("diffusion");
  std::string beta_schedule;
  diffusion.read_required({"beta_schedule"}, beta_schedule);
  ForwardProcess process;
  diffusion.read_required({"beta_start"}, process.beta_start, kFraction);
  diffusion.read_required({"beta_end"}, process.beta_end, kFraction);
  diffusion.read_required({"num_diffusion_timesteps"}, process.T, kCount);
  const auto* known = std::ranges::find_if(
      kBetaSchedules, [&](const auto& named) { return beta_schedule == named.first; });
  require(known != std::end(kBetaSchedules), file.file_name(), ": diffusion.beta_schedule is \"",
          beta_schedule, "\"; supported are linear, quad, sigmoid and const");
  process.schedule = known->second;
  if (process.schedule == BetaKind::list)
    process.betas.assign(static_cast<std::size_t>(process.T), process.beta_end);
  return file_config(process);
}

/// Refuses networks that the configuration cannot describe.
void require_official_network(const UNetConfig& config) {
  const UNetConfig official{.sample_size = config.sample_size,
                            .in_channels = config.in_channels,
                            .out_channels = config.out_channels,
                            .layers_per_block = config.layers_per_block,
                            .block_out_channels = config.block_out_channels,
                            .base_channels = config.base_channels,
                            .attention_levels = config.attention_levels,
                            .dropout = config.dropout};
  const auto need = [](const char* field, bool same) {
    require(same, field, " is not what the official code uses, so it cannot read this network");
  };
  need("norm_num_groups", config.norm_num_groups == official.norm_num_groups);
  need("norm_eps", config.norm_eps == official.norm_eps);
  need("attention_head_dim", config.attention_head_dim == official.attention_head_dim);
  need("downsample_padding", config.downsample_padding == official.downsample_padding);
  need("flip_sin_to_cos", config.flip_sin_to_cos == official.flip_sin_to_cos);
  need("freq_shift", config.freq_shift == official.freq_shift);
  need("the network", config == official);
}

}  // namespace

bool is_official_config(const JsonFields& fields) {
  return fields.has_section("model") || fields.has_section("data") ||
         fields.has_section("diffusion");
}

OfficialConfig parse_official_config(JsonFields fields, const ModelOverrides& size) {
  UNetConfig network = network_config(fields, size);
  return {.network = std::move(network), .scheduler = scheduler_config(fields)};
}

std::string to_official_json(const OfficialConfig& config) {
  require_official_network(config.network);
  const UNetConfig& network = config.network;
  const std::int64_t channels = network.conv_in_channels();
  std::vector<std::int64_t> factors, resolutions;
  for (const std::int64_t level_channels : network.block_out_channels) {
    require(level_channels % channels == 0, "block_out_channels: ", level_channels,
            " is not a multiple of the first, which the official code requires");
    factors.push_back(level_channels / channels);
  }
  for (const std::int64_t level : network.attention_levels)
    resolutions.push_back(network.sample_size >> level);
  const io::SchedulerFileConfig& scheduler = config.scheduler;
  require(scheduler.beta_schedule == "linear" && !scheduler.trained_betas,
          "beta_schedule: the official code's betas are linear");
  require(scheduler.prediction_type == "epsilon",
          "prediction_type: the official code's network predicts the noise only");
  require(!scheduler.rescale_betas_zero_snr,
          "rescale_betas_zero_snr: the official code does not rescale its betas");
  const Json root = {
      {"data", {{"image_size", network.sample_size}, {"channels", network.in_channels}}},
      {"model",
       {{"type", "simple"},
        {"in_channels", network.in_channels},
        {"out_ch", network.out_channels},
        {"ch", channels},
        {"ch_mult", factors},
        {"num_res_blocks", network.layers_per_block},
        {"attn_resolutions", resolutions},
        {"dropout", network.dropout},
        {"resamp_with_conv", true}}},
      {"diffusion",
       {{"beta_schedule", "linear"},
        {"beta_start", scheduler.beta_start},
        {"beta_end", scheduler.beta_end},
        {"num_diffusion_timesteps", scheduler.num_train_timesteps}}}};
  return root.text({.indent = 2}) + "\n";
}

}  // namespace ddim::engine::model
