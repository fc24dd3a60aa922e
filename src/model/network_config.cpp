#include "model/network_config.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace ddim::engine::model {
namespace {

/// What diffusers calls the values of a choice. The first name is the one that is written.
template <class Value>
struct Named {
  const char* name;
  Value value;
};

constexpr Named<Activation> kActivations[] = {{"silu", Activation::silu},
                                              {"swish", Activation::silu},
                                              {"mish", Activation::mish},
                                              {"gelu", Activation::gelu},
                                              {"relu", Activation::relu}};
constexpr Named<TimeEmbeddingType> kTimeEmbeddings[] = {
    {"positional", TimeEmbeddingType::positional},
    {"fourier", TimeEmbeddingType::fourier},
    {"learned", TimeEmbeddingType::learned}};
constexpr Named<TimeScaleShift> kTimeScaleShifts[] = {{"default", TimeScaleShift::add},
                                                      {"scale_shift", TimeScaleShift::scale_shift}};
constexpr Named<Resampling> kResamplings[] = {{"conv", Resampling::conv},
                                              {"resnet", Resampling::resnet}};
constexpr Named<ClassEmbedType> kClassEmbeddings[] = {{"timestep", ClassEmbedType::timestep},
                                                      {"identity", ClassEmbedType::identity}};

/// The block types of one direction. Attention blocks are resampled as downsample_type or
/// upsample_type says, the two others as their name says.
struct BlockTypes {
  const char* field;
  const char* plain;
  const char* attention;
  const char* resnet;
};
constexpr BlockTypes kDown{"down_block_types", "DownBlock2D", "AttnDownBlock2D",
                           "ResnetDownsampleBlock2D"};
constexpr BlockTypes kUp{"up_block_types", "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"};

constexpr const char* kMidBlock = "UNetMidBlock2D";

/// Reads the fields of one file, and names file and field when a value is not one of those known.
class Reader {
 public:
  explicit Reader(const std::string& file_name) : file_name_(file_name) {}

  template <class Value, std::size_t N>
  Value choice(const char* field, const std::string& found, const Named<Value> (&known)[N]) const {
    for (const auto& [name, value] : known)
      if (found == name) return value;
    const auto quoted = [](const Named<Value>& named) { return concat('"', named.name, '"'); };
    fail(ErrorCode::user, file_name_, ": ", field, " is \"", found, "\"; supported are ",
         join(known, ", ", quoted));
  }

  /// The blocks of one direction, by level.
  std::vector<BlockOptions> blocks(const std::vector<std::string>& found, const BlockTypes& types,
                                   std::size_t num_levels, Resampling of_attention) const {
    require(found.size() == num_levels, file_name_, ": ", types.field, " has ", found.size(),
            " entries, block_out_channels has ", num_levels);
    std::vector<BlockOptions> result;
    for (std::size_t i = 0; i < num_levels; ++i) {
      std::string_view type = found[i];
      if (type.starts_with("UNetRes")) type.remove_prefix(7);  // as of mid-2022
      require(type == types.plain || type == types.attention || type == types.resnet, file_name_,
              ": ", types.field, "[", i, "] is \"", found[i], "\"; supported are \"", types.plain,
              "\", \"", types.attention, "\" and \"", types.resnet, '"');
      const bool has_attention = type == types.attention;
      const bool by_name = type == types.resnet;
      result.push_back({.has_attention = has_attention,
                        .resampling = has_attention ? of_attention
                                      : by_name     ? Resampling::resnet
                                                    : Resampling::conv});
    }
    return result;
  }

  const std::string& file_name() const { return file_name_; }

 private:
  std::string file_name_;
};

/// The levels whose block has attention.
std::vector<std::int64_t> levels_with_attention(const std::vector<BlockOptions>& blocks) {
  std::vector<std::int64_t> levels;
  for (std::size_t level = 0; level < blocks.size(); ++level) {
    if (blocks[level].has_attention) levels.push_back(static_cast<std::int64_t>(level));
  }
  return levels;
}

/// The levels that are resampled by a residual block, but `without`, which is not resampled.
std::vector<std::int64_t> levels_with_resnet(const std::vector<BlockOptions>& blocks,
                                             std::size_t without) {
  std::vector<std::int64_t> levels;
  for (std::size_t level = 0; level < blocks.size(); ++level) {
    if (level != without && blocks[level].resampling == Resampling::resnet)
      levels.push_back(static_cast<std::int64_t>(level));
  }
  return levels;
}

ClassEmbedType class_embed_type(const io::UNetFileConfig& file, const Reader& read) {
  if (file.class_embed_type)
    return read.choice("class_embed_type", *file.class_embed_type, kClassEmbeddings);
  return file.num_class_embeds ? ClassEmbedType::lookup : ClassEmbedType::none;
}

MidBlockType mid_block_type(const io::UNetFileConfig& file, const Reader& read) {
  if (!file.mid_block_type) return MidBlockType::none;
  require(*file.mid_block_type == kMidBlock, read.file_name(), ": mid_block_type is \"",
          *file.mid_block_type, "\"; supported are \"", kMidBlock, "\" and null");
  return file.add_attention ? MidBlockType::attention : MidBlockType::resnets;
}

template <class Value, std::size_t N>
std::string name_of(Value value, const Named<Value> (&known)[N]) {
  for (const Named<Value>& candidate : known) {
    if (candidate.value == value) return candidate.name;
  }
  return {};
}

/// Block types and the one type of resampling of all attention blocks, levels in the order of
/// `blocks`; `without` is the block that is not resampled.
std::pair<std::vector<std::string>, std::string> block_names(
    const std::vector<BlockOptions>& blocks, const BlockTypes& types, std::size_t without) {
  std::vector<std::string> names;
  std::optional<Resampling> of_attention;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto [has_attention, resampling] = blocks[i];
    const bool by_resnet = resampling == Resampling::resnet;
    names.emplace_back(has_attention ? types.attention : by_resnet ? types.resnet : types.plain);
    if (!has_attention || i == without) continue;
    require(!of_attention || *of_attention == resampling,
            "unet: levels with attention are resampled by convolutions and by residual blocks; "
            "diffusers' files have no words for such a mixture");
    of_attention = resampling;
  }
  return {names, name_of(of_attention.value_or(Resampling::conv), kResamplings)};
}

}  // namespace

UNetConfig network_config(const io::UNetFileConfig& file, const std::string& file_name) {
  const Reader read(file_name);
  const std::size_t num_levels = file.block_out_channels.size();
  require(num_levels > 0, file_name, ": block_out_channels is empty");
  require(
      file.sample_size.has_value(), file_name,
      ": sample_size is missing or null, so the size of the pictures is not known; give it with "
      "--size, such as --size 64 or --size 96x64 (width and height)");
  const std::vector<BlockOptions> down =
      read.blocks(file.down_block_types, kDown, num_levels,
                  read.choice("downsample_type", file.downsample_type, kResamplings));
  std::vector<BlockOptions> up =
      read.blocks(file.up_block_types, kUp, num_levels,
                  read.choice("upsample_type", file.upsample_type, kResamplings));
  std::ranges::reverse(up);  // finest first
  const std::string act_fn = small_letters(file.act_fn);

  UNetConfig config{.sample_size = *file.sample_size,
                    .in_channels = file.in_channels,
                    .out_channels = file.out_channels,
                    .layers_per_block = file.layers_per_block,
                    .block_out_channels = file.block_out_channels,
                    .base_channels = file.base_channels,
                    .attention_levels = levels_with_attention(down),
                    .resnet_downsample_levels = levels_with_resnet(down, num_levels - 1),
                    .resnet_upsample_levels = levels_with_resnet(up, 0),
                    .mid_block_type = mid_block_type(file, read),
                    .mid_block_scale_factor = file.mid_block_scale_factor,
                    .norm_num_groups = file.norm_num_groups,
                    .norm_eps = file.norm_eps,
                    .dropout = file.dropout,
                    .act_fn = read.choice("act_fn", act_fn, kActivations),
                    .attention_head_dim = file.attention_head_dim,
                    .resnet_time_scale_shift = read.choice(
                        "resnet_time_scale_shift", file.resnet_time_scale_shift, kTimeScaleShifts),
                    .downsample_padding = file.downsample_padding,
                    .center_input_sample = file.center_input_sample,
                    .time_embedding_type = read.choice("time_embedding_type",
                                                       file.time_embedding_type, kTimeEmbeddings),
                    .flip_sin_to_cos = file.flip_sin_to_cos,
                    .freq_shift = file.freq_shift,
                    .num_train_timesteps = file.num_train_timesteps,
                    .class_embed_type = class_embed_type(file, read),
                    .num_class_embeds = file.num_class_embeds,
                    .null_class = file.null_class};
  // Two spellings of one network become one.
  if (file.sample_width != file.sample_size) config.sample_width = file.sample_width;
  if (levels_with_attention(up) != config.attention_levels)
    config.up_attention_levels = levels_with_attention(up);
  if (file.attn_norm_num_groups != mid_attention_norm_groups(config))
    config.attn_norm_num_groups = file.attn_norm_num_groups;
  if (file.time_embedding_dim != config.time_embedding_channels())
    config.time_embedding_dim = file.time_embedding_dim;
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), file_name, ": ", error.what());
  }
  return config;
}

io::UNetFileConfig file_config(const UNetConfig& config) {
  std::vector<BlockOptions> down, up;
  for (std::int64_t level = 0; level < config.num_levels(); ++level) {
    down.push_back(down_block(config, level));
    up.push_back(up_block(config, level));
  }
  std::ranges::reverse(up);
  const std::size_t last = down.size() - 1;

  io::UNetFileConfig file;
  file.sample_size = config.sample_size;
  file.sample_width = config.sample_width;
  file.in_channels = config.in_channels;
  file.out_channels = config.out_channels;
  file.layers_per_block = config.layers_per_block;
  file.block_out_channels = config.block_out_channels;
  if (config.conv_in_channels() != config.block_out_channels.front())
    file.base_channels = config.base_channels;
  std::tie(file.down_block_types, file.downsample_type) = block_names(down, kDown, last);
  std::tie(file.up_block_types, file.upsample_type) = block_names(up, kUp, last);
  if (config.mid_block_type == MidBlockType::none) file.mid_block_type.reset();
  file.add_attention = config.mid_block_type == MidBlockType::attention;
  file.mid_block_scale_factor = config.mid_block_scale_factor;
  file.norm_num_groups = config.norm_num_groups;
  file.attn_norm_num_groups = config.attn_norm_num_groups;
  file.norm_eps = config.norm_eps;
  file.dropout = config.dropout;
  file.act_fn = name_of(config.act_fn, kActivations);
  file.attention_head_dim = config.attention_head_dim;
  file.resnet_time_scale_shift = name_of(config.resnet_time_scale_shift, kTimeScaleShifts);
  file.downsample_padding = config.downsample_padding;
  file.center_input_sample = config.center_input_sample;
  file.time_embedding_type = name_of(config.time_embedding_type, kTimeEmbeddings);
  file.time_embedding_dim = config.time_embedding_dim;
  file.flip_sin_to_cos = config.flip_sin_to_cos;
  file.freq_shift = config.freq_shift;
  file.num_train_timesteps = config.num_train_timesteps;
  if (config.class_embed_type == ClassEmbedType::timestep ||
      config.class_embed_type == ClassEmbedType::identity)
    file.class_embed_type = name_of(config.class_embed_type, kClassEmbeddings);
  file.num_class_embeds = config.num_class_embeds;
  file.null_class = config.null_class;
  return file;
}

}  // namespace ddim::engine::model
