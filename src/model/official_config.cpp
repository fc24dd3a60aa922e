#include "model/official_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/file_configs.h"

namespace ddim::model {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxDim = 65536;  // of a number of channels, levels, blocks or pixels

/// The fields of config.json, by path: "model.ch_mult".
class OfficialFields {
 public:
  OfficialFields(std::string_view text, std::string file_name) : file_name_(std::move(file_name)) {
    try {
      root_ = json::parse(text);
    } catch (const json::exception& error) {
      fail(ErrorCode::corrupt, file_name_, ": not JSON: ", error.what());
    }
  }

  const std::string& file_name() const { return file_name_; }

  std::int64_t count(const char* section, const char* field) const {
    return as_count(find(section, field), section, field);
  }
  std::vector<std::int64_t> counts(const char* section, const char* field) const {
    const json& value = find(section, field);
    expect(value.is_array(), section, field, "a list of numbers");
    std::vector<std::int64_t> result;
    for (const json& element : value) result.push_back(as_count(element, section, field));
    return result;
  }
  double number(const char* section, const char* field) const {
    const json& value = find(section, field);
    expect(value.is_number(), section, field, "a number");
    return value.get<double>();
  }
  void require_text(const char* section, const char* field, const char* supported) const {
    const json& value = find(section, field);
    require(value == supported, file_name_, ": ", section, ".", field, " is ", value.dump(),
            "; only \"", supported, "\" is supported");
  }
  void require_true(const char* section, const char* field) const {
    const json& value = find(section, field);
    require(value == true, file_name_, ": ", section, ".", field, " is ", value.dump(),
            "; only true is supported");
  }

 private:
  const json& find(const char* section, const char* field) const {
    const bool present = root_.is_object() && root_.contains(section) &&
                         root_[section].is_object() && root_[section].contains(field);
    if (!present) fail(ErrorCode::corrupt, file_name_, ": ", section, ".", field, " is missing");
    return root_[section][field];
  }
  std::int64_t as_count(const json& value, const char* section, const char* field) const {
    expect(value.is_number_integer() && value >= 1 && value <= kMaxDim, section, field,
           "a whole number from 1 to 65536");
    return value.get<std::int64_t>();
  }
  void expect(bool condition, const char* section, const char* field, const char* expected) const {
    if (!condition)
      fail(ErrorCode::corrupt, file_name_, ": ", section, ".", field, " must be ", expected);
  }

  std::string file_name_;
  json root_;
};

UNetConfig network_config(const OfficialFields& file) {
  file.require_text("model", "type", "simple");
  file.require_true("model", "resamp_with_conv");
  UNetConfig config{.sample_size = file.count("data", "image_size"),
                    .in_channels = file.count("model", "in_channels"),
                    .out_channels = file.count("model", "out_ch"),
                    .layers_per_block = file.count("model", "num_res_blocks"),
                    .dropout = file.number("model", "dropout")};
  const std::int64_t channels = file.count("model", "ch");
  for (const std::int64_t factor : file.counts("model", "ch_mult"))
    config.block_out_channels.push_back(channels * factor);
  require(!config.block_out_channels.empty(), file.file_name(), ": model.ch_mult is empty");
  if (config.block_out_channels.front() != channels) config.base_channels = channels;

  const std::vector<std::int64_t> resolutions = file.counts("model", "attn_resolutions");
  std::vector<std::int64_t> known;
  std::int64_t resolution = config.sample_size;
  for (std::int64_t level = 0; level < config.num_levels(); ++level, resolution /= 2) {
    known.push_back(resolution);
    if (std::ranges::find(resolutions, resolution) != resolutions.end())
      config.attention_levels.push_back(level);
  }
  for (const std::int64_t wanted : resolutions) {
    require(std::ranges::find(known, wanted) != known.end(), file.file_name(),
            ": model.attn_resolutions holds ", wanted, ", which no level has: from ", known.front(),
            " they are halved to ", known.back());
  }
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), file.file_name(), ": ", error.what());
  }
  return config;
}

io::SchedulerFileConfig scheduler_config(const OfficialFields& file) {
  file.require_text("diffusion", "beta_schedule", "linear");
  return file_config(
      ForwardProcess{.beta_start = file.number("diffusion", "beta_start"),
                     .beta_end = file.number("diffusion", "beta_end"),
                     .T = file.count("diffusion", "num_diffusion_timesteps")});
}

/// Refuses what the configuration has no words for.
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
    require(same, field,
            " is not what the official code's network has; it cannot be written for it");
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

bool is_official_config(std::string_view text) {
  const json root = json::parse(text, nullptr, false);
  const auto has = [&root](const char* section) {
    return root.contains(section) && root[section].is_object();
  };
  return root.is_object() && (has("model") || has("data") || has("diffusion"));
}

OfficialConfig parse_official_config(std::string_view text, const std::string& file_name) {
  const OfficialFields fields(text, file_name);
  return {.network = network_config(fields), .scheduler = scheduler_config(fields)};
}

std::string to_official_json(const OfficialConfig& config) {
  require_official_network(config.network);
  const UNetConfig& network = config.network;
  const std::int64_t channels = network.conv_in_channels();
  std::vector<std::int64_t> factors, resolutions;
  for (const std::int64_t level_channels : network.block_out_channels) {
    require(level_channels % channels == 0, "block_out_channels: ", level_channels,
            " is no multiple of the first, as the official code needs it");
    factors.push_back(level_channels / channels);
  }
  for (const std::int64_t level : network.attention_levels)
    resolutions.push_back(network.sample_size >> level);
  const io::SchedulerFileConfig& scheduler = config.scheduler;
  require(scheduler.beta_schedule == "linear" && !scheduler.trained_betas,
          "beta_schedule: the official code's betas are linear");
  require(scheduler.prediction_type == "epsilon",
          "prediction_type: the official code's network predicts the noise");
  require(!scheduler.rescale_betas_zero_snr,
          "rescale_betas_zero_snr: the official code does not rescale its betas");
  const json root = {
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
  return root.dump(2) + "\n";
}

}  // namespace ddim::model
