#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::engine::io {

/// unet/config.json as diffusers' UNet2DModel reads it. The initial values are those that diffusers
/// takes for absent keys, not those of the DDPM models. Strings are kept as they are: the model
/// room knows which are supported.
struct UNetFileConfig {
  std::string class_name = "UNet2DModel";
  std::string diffusers_version = "0.31.0";

  std::optional<std::int64_t> sample_size;
  std::optional<std::int64_t> sample_width;  ///< where the file has a pair, height and width
  std::int64_t in_channels = 3;
  std::int64_t out_channels = 3;
  bool center_input_sample = false;
  std::string time_embedding_type = "positional";
  std::optional<std::int64_t> time_embedding_dim;
  std::int64_t freq_shift = 0;
  bool flip_sin_to_cos = true;
  std::vector<std::string> down_block_types = {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D",
                                               "AttnDownBlock2D"};
  std::optional<std::string> mid_block_type = "UNetMidBlock2D";
  std::vector<std::string> up_block_types = {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D",
                                             "UpBlock2D"};
  std::vector<std::int64_t> block_out_channels = {224, 448, 672, 896};
  std::int64_t layers_per_block = 2;
  double mid_block_scale_factor = 1.0;
  std::int64_t downsample_padding = 1;
  std::string downsample_type = "conv";
  std::string upsample_type = "conv";
  double dropout = 0.0;
  std::string act_fn = "silu";
  std::optional<std::int64_t> attention_head_dim = 8;  ///< null: one head; absent: 8
  std::int64_t norm_num_groups = 32;
  std::optional<std::int64_t> attn_norm_num_groups;
  double norm_eps = 1e-5;
  std::string resnet_time_scale_shift = "default";
  bool add_attention = true;
  std::optional<std::string> class_embed_type;
  std::optional<std::int64_t> num_class_embeds;
  std::optional<std::int64_t> num_train_timesteps;

  /// Our own key, written only when it is set: channels after conv_in where they are not
  /// block_out_channels[0], as in official networks with ch_mult[0] != 1. diffusers has no such
  /// networks: it ignores the key and then refuses the shapes of the weights.
  std::optional<std::int64_t> base_channels;

  /// Our own key, written only when it is set: the class that means "of no class" (see UNetConfig).
  std::optional<std::int64_t> null_class;

  /// Keys that this structure has no field for, sorted; those beginning with `_` are left out. Not
  /// written. diffusers ignores them, too; ModelFiles::notes tells of them.
  std::vector<std::string> unknown_keys;
};

/// scheduler_config.json of any class; the initial values are those that diffusers takes for absent
/// keys of a DDIMScheduler.
struct SchedulerFileConfig {
  std::string class_name = "DDIMScheduler";
  std::string diffusers_version = "0.31.0";

  std::int64_t num_train_timesteps = 1000;
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::string beta_schedule = "linear";
  std::optional<std::vector<double>> trained_betas;
  std::string variance_type = "fixed_small";  ///< DDPMScheduler only; written only there
  bool clip_sample = true;
  double clip_sample_range = 1.0;
  std::string prediction_type = "epsilon";
  bool thresholding = false;
  double dynamic_thresholding_ratio = 0.995;
  double sample_max_value = 1.0;
  std::string timestep_spacing = "leading";
  std::int64_t steps_offset = 0;
  bool rescale_betas_zero_snr = false;
  bool set_alpha_to_one = true;  ///< written by DDIMScheduler, and where it is false

  /// Why the file does not say what betas the network was trained with, "FooScheduler has no betas
  /// of its own"; empty where it does. Not written.
  std::string without_betas;

  std::vector<std::string> unknown_keys;  ///< as in UNetFileConfig, without those of samplers
};

/// What people call a model and its classes. Our own, so that diffusers ignores it.
struct ModelNames {
  std::string model = {};                 ///< empty where there is none
  std::vector<std::string> classes = {};  ///< in the order of their numbers; empty where unknown
  std::vector<std::int64_t> class_images = {};  ///< that each was trained with; empty where unknown
};

/// model_index.json: the classes of a pipeline's parts.
struct ModelIndex {
  std::string class_name = "DDIMPipeline";
  std::string diffusers_version = "0.31.0";
  std::string scheduler_class = "DDIMScheduler";
  std::string unet_class = "UNet2DModel";
  ModelNames names = {};  ///< written only where there are any
};

/// The texts as values. Error(corrupt) naming `file_name` and the field for text that is not JSON,
/// a duplicate key, a wrong type or a number out of range. Accepts the spellings of before
/// diffusers 0.1 too, such as ch and ch_mult, or timesteps. Absent betas of a scheduler are those
/// of its class.
UNetFileConfig parse_unet_config(std::string_view text, const std::string& file_name);
SchedulerFileConfig parse_scheduler_config(std::string_view text, const std::string& file_name);
/// Error(corrupt) also for pipelines other than DDIM, DDPM and PNDM and for networks other than
/// UNet2DModel, of today's or of earlier names.
ModelIndex parse_model_index(std::string_view text, const std::string& file_name);

/// Indented JSON with every field, in diffusers' spelling, and a newline at the end.
std::string to_json(const UNetFileConfig& config);
std::string to_json(const SchedulerFileConfig& config);
std::string to_json(const ModelIndex& index);

}  // namespace ddim::engine::io
