#include "model/file_configs.h"

#include <algorithm>

#include "base/error.h"

namespace ddim::model {
namespace {

constexpr const char* kDown = "DownBlock2D";
constexpr const char* kDownAttention = "AttnDownBlock2D";
constexpr const char* kUp = "UpBlock2D";
constexpr const char* kUpAttention = "AttnUpBlock2D";

std::string quoted(const std::string& text) { return '"' + text + '"'; }
std::string quoted(const std::optional<std::string>& text) {
  return text ? quoted(*text) : std::string("null");
}

/// Runs `check` and puts the file's name before the message of what it throws.
template <class Check>
auto naming_the_file(const std::string& file_name, const Check& check) {
  try {
    return check();
  } catch (const Error& error) {
    fail(error.code(), file_name, ": ", error.what());
  }
}

class Requirements {
 public:
  explicit Requirements(const std::string& file_name) : file_name_(file_name) {}

  template <class T>
  void equal(const char* field, const T& found, const T& supported) const {
    require(found == supported, file_name_, ": ", field, " is ", shown(found), "; only ",
            shown(supported), " is supported");
  }
  template <class T>
  void absent(const char* field, const std::optional<T>& found) const {
    require(!found, file_name_, ": ", field, " must be null; this network has no such part");
  }

 private:
  static std::string shown(const std::string& value) { return quoted(value); }
  static std::string shown(const std::optional<std::string>& value) { return quoted(value); }
  static std::string shown(bool value) { return value ? "true" : "false"; }
  static std::string shown(double value) { return concat(value); }

  std::string file_name_;
};

void require_supported(const io::UNetFileConfig& file, const std::string& file_name) {
  const Requirements need(file_name);
  need.equal("center_input_sample", file.center_input_sample, false);
  need.equal<std::string>("time_embedding_type", file.time_embedding_type, "positional");
  need.equal<std::optional<std::string>>("mid_block_type", file.mid_block_type, "UNetMidBlock2D");
  need.equal("mid_block_scale_factor", file.mid_block_scale_factor, 1.0);
  need.equal<std::string>("downsample_type", file.downsample_type, "conv");
  need.equal<std::string>("upsample_type", file.upsample_type, "conv");
  need.equal<std::string>("resnet_time_scale_shift", file.resnet_time_scale_shift, "default");
  need.equal("add_attention", file.add_attention, true);
  need.absent("class_embed_type", file.class_embed_type);
  need.absent("num_class_embeds", file.num_class_embeds);
  require(file.act_fn == "silu" || file.act_fn == "swish", file_name, ": act_fn is ",
          quoted(file.act_fn), "; only \"silu\" is supported");
  require(!file.attn_norm_num_groups || *file.attn_norm_num_groups == file.norm_num_groups,
          file_name, ": attn_norm_num_groups must be null or norm_num_groups");
  require(file.sample_size.has_value(), file_name, ": sample_size is missing");
  require(!file.block_out_channels.empty(), file_name, ": block_out_channels is empty");
  require(!file.time_embedding_dim ||
              *file.time_embedding_dim ==
                  4 * file.base_channels.value_or(file.block_out_channels.front()),
          file_name, ": time_embedding_dim must be null or 4 * block_out_channels[0]");
}

/// The levels whose blocks have attention, from the way down; the way up must agree.
std::vector<std::int64_t> attention_levels(const io::UNetFileConfig& file,
                                           const std::string& file_name) {
  const std::size_t num_levels = file.block_out_channels.size();
  const auto require_length = [&](const char* field, std::size_t length) {
    require(length == num_levels, file_name, ": ", field, " has ", length,
            " entries, block_out_channels has ", num_levels);
  };
  require_length("down_block_types", file.down_block_types.size());
  require_length("up_block_types", file.up_block_types.size());
  std::vector<std::int64_t> levels;
  for (std::size_t level = 0; level < num_levels; ++level) {
    const std::string& down = file.down_block_types[level];
    require(down == kDown || down == kDownAttention, file_name, ": down_block_types[", level,
            "] is ", quoted(down), "; supported are \"", kDown, "\" and \"", kDownAttention, '"');
    const bool has_attention = down == kDownAttention;
    if (has_attention) levels.push_back(static_cast<std::int64_t>(level));

    const std::size_t mirrored = num_levels - 1 - level;
    const std::string& up = file.up_block_types[mirrored];
    require(up == (has_attention ? kUpAttention : kUp), file_name, ": up_block_types[", mirrored,
            "] is ", quoted(up), ", which does not mirror down_block_types[", level, "], ",
            quoted(down));
  }
  return levels;
}

}  // namespace

UNetConfig network_config(const io::UNetFileConfig& file, const std::string& file_name) {
  require_supported(file, file_name);
  const UNetConfig config{.sample_size = *file.sample_size,
                          .in_channels = file.in_channels,
                          .out_channels = file.out_channels,
                          .layers_per_block = file.layers_per_block,
                          .block_out_channels = file.block_out_channels,
                          .base_channels = file.base_channels,
                          .attention_levels = attention_levels(file, file_name),
                          .norm_num_groups = file.norm_num_groups,
                          .norm_eps = file.norm_eps,
                          .dropout = file.dropout,
                          .attention_head_dim = file.attention_head_dim,
                          .downsample_padding = file.downsample_padding,
                          .flip_sin_to_cos = file.flip_sin_to_cos,
                          .freq_shift = file.freq_shift};
  naming_the_file(file_name, [&] { validate(config); });
  return config;
}

io::UNetFileConfig file_config(const UNetConfig& config) {
  io::UNetFileConfig file;
  file.sample_size = config.sample_size;
  file.in_channels = config.in_channels;
  file.out_channels = config.out_channels;
  file.layers_per_block = config.layers_per_block;
  file.block_out_channels = config.block_out_channels;
  if (config.conv_in_channels() != config.block_out_channels.front())
    file.base_channels = config.base_channels;
  file.down_block_types.clear();
  file.up_block_types.clear();
  for (std::int64_t level = 0; level < config.num_levels(); ++level) {
    const bool has_attention = config.has_attention(level);
    file.down_block_types.emplace_back(has_attention ? kDownAttention : kDown);
    file.up_block_types.emplace_back(has_attention ? kUpAttention : kUp);
  }
  std::ranges::reverse(file.up_block_types);
  file.norm_num_groups = config.norm_num_groups;
  file.norm_eps = config.norm_eps;
  file.dropout = config.dropout;
  file.attention_head_dim = config.attention_head_dim;
  file.downsample_padding = config.downsample_padding;
  file.flip_sin_to_cos = config.flip_sin_to_cos;
  file.freq_shift = config.freq_shift;
  return file;
}

diffusion::Schedule schedule_of(const io::SchedulerFileConfig& file, const std::string& file_name) {
  const Requirements need(file_name);
  need.equal<std::string>("prediction_type", file.prediction_type, "epsilon");
  need.equal("thresholding", file.thresholding, false);
  need.equal("rescale_betas_zero_snr", file.rescale_betas_zero_snr, false);
  return naming_the_file(file_name, [&] {
    if (file.trained_betas) return diffusion::Schedule(*file.trained_betas);
    require(file.beta_schedule == "linear", "beta_schedule is ", quoted(file.beta_schedule),
            "; only \"linear\" is supported");
    return diffusion::Schedule::linear(file.beta_start, file.beta_end, file.num_train_timesteps);
  });
}

io::SchedulerFileConfig file_config(const LinearSchedule& schedule) {
  io::SchedulerFileConfig file;
  file.beta_start = schedule.beta_start;
  file.beta_end = schedule.beta_end;
  file.num_train_timesteps = schedule.num_steps;
  file.clip_sample = false;
  return file;
}

}  // namespace ddim::model
