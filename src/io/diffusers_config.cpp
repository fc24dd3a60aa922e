#include "io/diffusers_config.h"

#include <ddim/counts.h>
#include <ddim/json.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "io/json_fields.h"

namespace ddim::engine::io {
namespace {

using Whole = JsonFields::Range<std::int64_t>;
using Real = JsonFields::Range<double>;

constexpr std::int64_t kMaxSize = 1 << 16;  // of an image's side, of channels
constexpr std::int64_t kMaxTrainTimesteps = 1'000'000;
constexpr std::int64_t kMaxLevels = 16;

/// diffusers writes a side, a pair of sides for height and width, or null.
void read_sample_size(JsonFields& fields, UNetFileConfig& config) {
  const Json* value = fields.take({"sample_size", "resolution", "image_size"});
  if (value == nullptr || value->is_null()) return;
  const auto side = [&](const Json& number) {
    if (!number.is_unsigned() || number.number<std::uint64_t>() < 1 ||
        number.number<std::uint64_t>() > static_cast<std::uint64_t>(kMaxSize)) {
      fields.fail_field("sample_size",
                        concat("null, a side or a pair of height and width in 1..", kMaxSize),
                        *value);
    }
    return number.number<std::int64_t>();
  };
  const bool is_pair = value->is_list() && value->size() == 2;
  config.sample_size = side(is_pair ? (*value)[0] : *value);
  if (is_pair) config.sample_width = side((*value)[1]);
}

std::string text_of(const Json& config) {
  return config.text({.indent = 2, .strict = true}) + "\n";
}

/// As read_sample_size() reads it.
Json sample_size_of(const UNetFileConfig& config) {
  if (!config.sample_size || !config.sample_width || config.sample_width == config.sample_size)
    return config.sample_size;
  return std::vector<std::int64_t>{*config.sample_size, *config.sample_width};
}

/// The spelling before diffusers 0.1: channels as a base and its multiples, attention by
/// resolution. Where that code had no field, it did as the DDPM models do.
void read_pre_release_blocks(JsonFields& fields, UNetFileConfig& config) {
  config.norm_eps = 1e-6;
  config.flip_sin_to_cos = false;
  config.freq_shift = 1;
  config.downsample_padding = 0;
  config.attention_head_dim = std::nullopt;

  std::int64_t base = 128;
  std::vector<std::int64_t> multiples = {1, 2, 2, 2}, resolutions;
  fields.read({"ch"}, base, Whole{1, kMaxSize});
  fields.read({"ch_mult"}, multiples, Whole{1, 1024});
  fields.read({"attn_resolutions"}, resolutions, Whole{1, kMaxSize});
  if (!resolutions.empty() && !config.sample_size) {
    fields.fail_file("attn_resolutions has no meaning without resolution");
  }
  if (!multiples.empty() && multiples.front() != 1) config.base_channels = base;
  config.block_out_channels.clear();
  config.down_block_types.clear();
  std::int64_t resolution = config.sample_size.value_or(0);
  for (const std::int64_t multiple : multiples) {
    config.block_out_channels.push_back(base * multiple);
    const bool attention =
        std::find(resolutions.begin(), resolutions.end(), resolution) != resolutions.end();
    config.down_block_types.push_back(attention ? "AttnDownBlock2D" : "DownBlock2D");
    resolution /= 2;
  }
  config.up_block_types.clear();
  for (auto it = config.down_block_types.rbegin(); it != config.down_block_types.rend(); ++it) {
    config.up_block_types.push_back(*it == "DownBlock2D" ? "UpBlock2D" : "AttnUpBlock2D");
  }
}

void check_level_counts(const JsonFields& fields, const UNetFileConfig& config) {
  const std::size_t levels = config.block_out_channels.size();
  if (levels < 1 || levels > kMaxLevels || config.down_block_types.size() != levels ||
      config.up_block_types.size() != levels) {
    fields.fail_file(
        concat("block_out_channels, down_block_types and up_block_types must have the "
               "same length in 1..",
               kMaxLevels, ", not ", levels, ", ", config.down_block_types.size(), " and ",
               config.up_block_types.size()));
  }
}

/// The betas of a scheduler's class where its file does not have them.
struct ClassBetas {
  std::string_view class_name;
  double start = 1e-4, end = 0.02;
  const char* schedule = "linear";
};
constexpr ClassBetas kClassBetas[] = {
    {"DDIMScheduler"},
    {"DDIMInverseScheduler"},
    {"DDIMParallelScheduler"},
    {"DDPMScheduler"},
    {"DDPMParallelScheduler"},
    {"DEISMultistepScheduler"},
    {"DPMSolverMultistepScheduler"},
    {"DPMSolverMultistepInverseScheduler"},
    {"DPMSolverSinglestepScheduler"},
    {"EulerDiscreteScheduler"},
    {"EulerAncestralDiscreteScheduler"},
    {"GaussianDDPMScheduler"},  // as of mid-2022
    {"LMSDiscreteScheduler"},
    {"PNDMScheduler"},
    {"RePaintScheduler"},
    {"SASolverScheduler"},
    {"UniPCMultistepScheduler"},
    {"DPMSolverSDEScheduler", 0.00085, 0.012},
    {"HeunDiscreteScheduler", 0.00085, 0.012},
    {"KDPM2AncestralDiscreteScheduler", 0.00085, 0.012},
    {"KDPM2DiscreteScheduler", 0.00085, 0.012},
    {"CogVideoXDDIMScheduler", 0.00085, 0.012, "scaled_linear"},
    {"CogVideoXDPMScheduler", 0.00085, 0.012, "scaled_linear"},
    {"LCMScheduler", 0.00085, 0.012, "scaled_linear"},
    {"TCDScheduler", 0.00085, 0.012, "scaled_linear"},
};

/// Reads the betas and says where the file does not describe them.
void read_betas(JsonFields& fields, SchedulerFileConfig& config) {
  const auto* known = std::ranges::find(kClassBetas, config.class_name, &ClassBetas::class_name);
  const bool is_known = known != std::end(kClassBetas);
  if (is_known) {
    config.beta_start = known->start;
    config.beta_end = known->end;
    config.beta_schedule = known->schedule;
  }
  const bool has_all =
      fields.has("beta_start") && fields.has("beta_end") && fields.has("beta_schedule");
  fields.read({"beta_start"}, config.beta_start, Real{0.0, 1.0});
  fields.read({"beta_end"}, config.beta_end, Real{0.0, 1.0});
  fields.read({"beta_schedule"}, config.beta_schedule);
  fields.read({"trained_betas"}, config.trained_betas, Real{0.0, 1.0});
  const bool is_cosine =
      fields.has("beta_schedule") && config.beta_schedule == "squaredcos_cap_v2";  // no ends
  if (!is_known && !has_all && !is_cosine)
    config.without_betas = concat(config.class_name, " has no betas of its own");

  bool use_flow_sigmas = false;
  double snr_shift_scale = config.class_name.starts_with("CogVideoX") ? 3.0 : 1.0;
  fields.read({"use_flow_sigmas"}, use_flow_sigmas);
  fields.read({"snr_shift_scale"}, snr_shift_scale, Real{0.0, 1e6});
  if (use_flow_sigmas)
    config.without_betas = "use_flow_sigmas is true: such a network was trained without betas";
  if (snr_shift_scale != 1.0)
    config.without_betas = concat("snr_shift_scale is ", snr_shift_scale,
                                  ", which changes the betas in a way that is not supported");
}

/// Before diffusers 0.9, "predict_epsilon": false said what prediction_type says now.
void read_prediction(JsonFields& fields, SchedulerFileConfig& config) {
  const bool has_type = fields.has("prediction_type");
  fields.read({"prediction_type"}, config.prediction_type);
  const Json* value = fields.take({"predict_epsilon"});
  if (value == nullptr || value->is_null()) return;
  if (!value->is_boolean()) fields.fail_field("predict_epsilon", "true or false", *value);
  if (value->boolean()) return;
  if (has_type && config.prediction_type != "sample")
    fields.fail_file(
        concat("predict_epsilon is false, which means prediction_type sample, but "
               "prediction_type is ",
               config.prediction_type, ": leave one out"));
  config.prediction_type = "sample";
}

/// Passes over what says nothing about the model: settings of samplers that the flags of a command
/// choose here, and of libraries.
void skip_settings_of_samplers(JsonFields& fields) {
  for (const char* name :
       {"algorithm_type", "euler_at_final", "final_sigmas_type", "lambda_min_clipped",
        "lower_order_final", "predict_x0", "skip_prk_steps", "solver_order", "solver_type",
        "tensor_format", "use_beta_sigmas", "use_exponential_sigmas", "use_karras_sigmas"})
    fields.take({name});
  // Of diffusers 0.1 and 0.2: the steps that a sampler visits.
  const Json* steps = fields.take({"timestep_values"});
  if (steps != nullptr && !steps->is_null())
    fields.fail_file(
        "timestep_values is a list of the sampler's own steps, which is not "
        "supported: set it to null, and choose the steps when you sample");
}

/// How the moving average in a network's folder was taken, which diffusers' EMAModel adds.
void skip_settings_of_averages(JsonFields& fields) {
  for (const char* name : {"decay", "inv_gamma", "min_decay", "optimization_step", "power",
                           "update_after_step", "use_ema_warmup"})
    fields.take({name});
}

/// An optional part that a pipeline was made without: null, or [null, null].
bool is_absent(const Json& part) {
  return part.is_null() || (part.is_list() && std::ranges::all_of(part.items(), &Json::is_null));
}

}  // namespace

UNetFileConfig parse_unet_config(std::string_view text, const std::string& file_name) {
  JsonFields fields(text, file_name);
  UNetFileConfig config;
  fields.read({"_class_name"}, config.class_name);
  fields.read({"_diffusers_version"}, config.diffusers_version);
  read_sample_size(fields, config);
  if (fields.has("ch_mult") || fields.has("ch")) {
    if (fields.has("block_out_channels") || fields.has("down_block_types")) {
      fields.fail_file("ch_mult and block_out_channels mean the same: leave one out");
    }
    read_pre_release_blocks(fields, config);
  }
  bool conv_resampling = true;
  fields.read({"resamp_with_conv"}, conv_resampling);
  if (!conv_resampling) config.downsample_type = config.upsample_type = "pool";

  fields.read({"in_channels"}, config.in_channels, Whole{1, kMaxSize});
  fields.read({"out_channels"}, config.out_channels, Whole{1, kMaxSize});
  fields.read({"center_input_sample"}, config.center_input_sample);
  fields.read({"time_embedding_type"}, config.time_embedding_type);
  fields.read({"time_embedding_dim"}, config.time_embedding_dim, Whole{1, kMaxSize});
  fields.read({"freq_shift", "downscale_freq_shift"}, config.freq_shift, Whole{0, kMaxSize});
  fields.read({"flip_sin_to_cos"}, config.flip_sin_to_cos);
  fields.read({"down_block_types"}, config.down_block_types);
  fields.read({"mid_block_type"}, config.mid_block_type);
  fields.read({"up_block_types"}, config.up_block_types);
  fields.read({"block_out_channels", "block_channels"}, config.block_out_channels,
              Whole{1, kMaxSize});
  fields.read({"layers_per_block", "num_res_blocks"}, config.layers_per_block, Whole{1, 1024});
  fields.read({"mid_block_scale_factor"}, config.mid_block_scale_factor, Real{1e-6, 1e6});
  fields.read({"downsample_padding"}, config.downsample_padding, Whole{0, 1});
  fields.read({"downsample_type"}, config.downsample_type);
  fields.read({"upsample_type"}, config.upsample_type);
  fields.read({"dropout"}, config.dropout, Real{0.0, 1.0});
  fields.read({"act_fn"}, config.act_fn);
  fields.read({"attention_head_dim", "num_head_channels"}, config.attention_head_dim,
              Whole{1, kMaxSize});
  fields.read({"norm_num_groups"}, config.norm_num_groups, Whole{1, kMaxSize});
  fields.read({"attn_norm_num_groups"}, config.attn_norm_num_groups, Whole{1, kMaxSize});
  fields.read({"norm_eps", "resnet_eps"}, config.norm_eps, Real{0.0, 1.0});
  fields.read({"resnet_time_scale_shift"}, config.resnet_time_scale_shift);
  fields.read({"add_attention"}, config.add_attention);
  fields.read({"class_embed_type"}, config.class_embed_type);
  fields.read({"num_class_embeds"}, config.num_class_embeds, Whole{1, INT32_MAX});
  fields.read({"num_train_timesteps"}, config.num_train_timesteps, Whole{1, kMaxTrainTimesteps});
  fields.read({"base_channels"}, config.base_channels, Whole{1, kMaxSize});
  fields.read({"null_class"}, config.null_class, Whole{0, INT32_MAX});
  check_level_counts(fields, config);
  skip_settings_of_averages(fields);
  config.unknown_keys = fields.keys_not_taken();
  return config;
}

SchedulerFileConfig parse_scheduler_config(std::string_view text, const std::string& file_name) {
  JsonFields fields(text, file_name);
  SchedulerFileConfig config;
  fields.read({"_class_name"}, config.class_name);
  fields.read({"_diffusers_version"}, config.diffusers_version);
  fields.read({"num_train_timesteps", "timesteps"}, config.num_train_timesteps,
              Whole{1, kMaxTrainTimesteps});
  const bool has_T = fields.has("num_train_timesteps") || fields.has("timesteps");
  read_betas(fields, config);
  if (has_T && config.trained_betas &&
      std::ssize(*config.trained_betas) != config.num_train_timesteps)
    fields.fail_file(concat("trained_betas has ",
                            count_of(std::ssize(*config.trained_betas), "values"),
                            ", but num_train_timesteps is ", config.num_train_timesteps,
                            "; a beta for each training step is needed"));
  std::optional<std::string> variance_type;  // null in schedulers that have no choice
  fields.read({"variance_type"}, variance_type);
  if (variance_type) config.variance_type = *variance_type;
  fields.read({"clip_sample"}, config.clip_sample);
  fields.read({"clip_sample_range"}, config.clip_sample_range, Real{0.0, 1e6});
  read_prediction(fields, config);
  fields.read({"thresholding"}, config.thresholding);
  fields.read({"dynamic_thresholding_ratio"}, config.dynamic_thresholding_ratio, Real{0.0, 1.0});
  fields.read({"sample_max_value"}, config.sample_max_value,
              Real{0.0, std::numeric_limits<double>::infinity()});
  fields.read({"timestep_spacing"}, config.timestep_spacing);
  fields.read({"steps_offset"}, config.steps_offset, Whole{0, kMaxTrainTimesteps});
  fields.read({"rescale_betas_zero_snr"}, config.rescale_betas_zero_snr);
  fields.read({"set_alpha_to_one"}, config.set_alpha_to_one);
  skip_settings_of_samplers(fields);
  config.unknown_keys = fields.keys_not_taken();
  return config;
}

ModelIndex parse_model_index(std::string_view text, const std::string& file_name) {
  JsonFields fields(text, file_name);
  ModelIndex index;
  fields.read({"_class_name"}, index.class_name);
  fields.read({"_diffusers_version"}, index.diffusers_version);
  const auto require_one_of = [&](const char* name, const std::string& found,
                                  std::initializer_list<std::string_view> known) {
    if (std::find(known.begin(), known.end(), found) != known.end()) return;
    fields.fail_field(name, "one of " + join(known, ", "), found);
  };
  // The name may be anybody's own; what the pipeline is made of says more.
  for (const std::string_view foreign : {"StableDiffusion", "LDM", "LatentDiffusion", "Flux"})
    if (index.class_name.find(foreign) != std::string::npos)
      fields.fail_file(concat("this is a ", index.class_name,
                              ", a latent or text-to-image model, which ddim does not support"));
  for (const char* foreign : {"vae", "vqvae", "movq", "text_encoder", "bert", "prior"})
    if (const Json* part = fields.take({foreign}); part != nullptr && !is_absent(*part))
      fields.fail_file(concat("this is a ", index.class_name, " with \"", foreign,
                              "\", a latent or text-to-image model, which ddim does not support"));

  const auto read_class = [&fields](const char* name, std::string& class_name) {
    const Json* value = fields.take({name});
    if (value == nullptr) fields.fail_missing(name);
    if (!value->is_list() || value->size() != 2 || !(*value)[1].is_string()) {
      fields.fail_field(name, "a pair of library and class", *value);
    }
    class_name = (*value)[1].string();
  };
  read_class("unet", index.unet_class);
  require_one_of("unet", index.unet_class, {"UNet2DModel", "UNetModel", "UNetUnconditionalModel"});
  // The oldest pipelines call it noise_scheduler.
  read_class(fields.has("scheduler") ? "scheduler" : "noise_scheduler", index.scheduler_class);
  fields.read({"_model_name"}, index.names.model);
  fields.read({"_class_names"}, index.names.classes);
  fields.read({"_class_images"}, index.names.class_images, {0, INT64_MAX});
  return index;
}

std::string to_json(const UNetFileConfig& config) {
  Json object;
  object["_class_name"] = config.class_name;
  object["_diffusers_version"] = config.diffusers_version;
  object["act_fn"] = config.act_fn;
  object["add_attention"] = config.add_attention;
  object["attention_head_dim"] = config.attention_head_dim;
  object["attn_norm_num_groups"] = config.attn_norm_num_groups;
  object["block_out_channels"] = config.block_out_channels;
  object["center_input_sample"] = config.center_input_sample;
  object["class_embed_type"] = config.class_embed_type;
  object["down_block_types"] = config.down_block_types;
  object["downsample_padding"] = config.downsample_padding;
  object["downsample_type"] = config.downsample_type;
  object["dropout"] = config.dropout;
  object["flip_sin_to_cos"] = config.flip_sin_to_cos;
  object["freq_shift"] = config.freq_shift;
  object["in_channels"] = config.in_channels;
  object["layers_per_block"] = config.layers_per_block;
  object["mid_block_scale_factor"] = config.mid_block_scale_factor;
  object["mid_block_type"] = config.mid_block_type;
  object["norm_eps"] = config.norm_eps;
  object["norm_num_groups"] = config.norm_num_groups;
  object["num_class_embeds"] = config.num_class_embeds;
  object["num_train_timesteps"] = config.num_train_timesteps;
  object["out_channels"] = config.out_channels;
  object["resnet_time_scale_shift"] = config.resnet_time_scale_shift;
  object["sample_size"] = sample_size_of(config);
  object["time_embedding_dim"] = config.time_embedding_dim;
  object["time_embedding_type"] = config.time_embedding_type;
  object["up_block_types"] = config.up_block_types;
  object["upsample_type"] = config.upsample_type;
  if (config.base_channels) object["base_channels"] = *config.base_channels;
  if (config.null_class) object["null_class"] = *config.null_class;
  return text_of(object);
}

std::string to_json(const SchedulerFileConfig& config) {
  Json object;
  object["_class_name"] = config.class_name;
  object["_diffusers_version"] = config.diffusers_version;
  object["beta_end"] = config.beta_end;
  object["beta_schedule"] = config.beta_schedule;
  object["beta_start"] = config.beta_start;
  object["clip_sample"] = config.clip_sample;
  object["clip_sample_range"] = config.clip_sample_range;
  object["dynamic_thresholding_ratio"] = config.dynamic_thresholding_ratio;
  object["num_train_timesteps"] = config.num_train_timesteps;
  object["prediction_type"] = config.prediction_type;
  object["rescale_betas_zero_snr"] = config.rescale_betas_zero_snr;
  object["sample_max_value"] = config.sample_max_value;
  object["steps_offset"] = config.steps_offset;
  object["thresholding"] = config.thresholding;
  object["timestep_spacing"] = config.timestep_spacing;
  object["trained_betas"] = config.trained_betas;
  if (config.class_name == "DDPMScheduler") object["variance_type"] = config.variance_type;
  if (config.class_name == "DDIMScheduler" || !config.set_alpha_to_one)
    object["set_alpha_to_one"] = config.set_alpha_to_one;
  return text_of(object);
}

std::string to_json(const ModelIndex& index) {
  Json object;
  object["_class_name"] = index.class_name;
  object["_diffusers_version"] = index.diffusers_version;
  object["scheduler"] = std::vector<std::string>{"diffusers", index.scheduler_class};
  object["unet"] = std::vector<std::string>{"diffusers", index.unet_class};
  if (!index.names.model.empty()) object["_model_name"] = index.names.model;
  if (!index.names.classes.empty()) object["_class_names"] = index.names.classes;
  if (!index.names.class_images.empty()) object["_class_images"] = index.names.class_images;
  return text_of(object);
}

}  // namespace ddim::engine::io
