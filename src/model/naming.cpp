#include "model/naming.h"

#include <ranges>

#include "base/error.h"

namespace ddim::engine::model {
namespace {

struct Stranger {
  std::string_view start;  ///< of a tensor's name that only this program uses
  std::string_view what;
};

constexpr Stranger kStrangers[] = {
    {"input_blocks.0.", "OpenAI's improved or guided diffusion"},
    {"init_conv.", "lucidrains' denoising-diffusion-pytorch"},
    {"model.init_conv.", "lucidrains' denoising-diffusion-pytorch"},
    {"ema_model.model.init_conv.", "lucidrains' denoising-diffusion-pytorch"},
    {"denoise_fn.", "lucidrains' denoising-diffusion-pytorch"},
    {"model.diffusion_model.", "latent diffusion (Stable Diffusion)"},
    {"first_stage_model.", "latent diffusion (Stable Diffusion)"},
    {"down_blocks.0.attentions.0.transformer_blocks.", "a text-to-image network of diffusers"},
    {"model.map_layer0.", "EDM (Karras et al.)"},
};

bool has_start(const io::TensorTable& table, std::string_view start) {
  for (const io::TensorEntry& entry : table.entries())
    if (entry.name.starts_with(start)) return true;
  return false;
}

std::string first_names(const io::TensorTable& table) {
  constexpr std::size_t kMaxShown = 5;
  const std::string names =
      join(table.entries() | std::views::take(kMaxShown), ", ",
           [](const io::TensorEntry& entry) { return io::display_name(entry.name); });
  return names + (table.entries().size() > kMaxShown ? ", ..." : "");
}

}  // namespace

Naming naming_of(const io::TensorTable& table) {
  if (table.find("temb.dense.0.weight") != nullptr) return Naming::official;
  for (const Stranger& stranger : kStrangers) {
    if (has_start(table, stranger.start))
      fail(ErrorCode::corrupt, table.path().string(), ": these are weights of ", stranger.what,
           ", whose network is not supported");
  }
  if (table.find("time_embedding.linear_1.weight") != nullptr) return Naming::diffusers;
  fail(ErrorCode::corrupt, table.path().string(),
       ": not the weights of a supported network: ", table.entries().size(), " tensors (",
       first_names(table), ")");
}

UNetConfig official_config_of(const io::TensorTable& table) {
  constexpr std::int64_t kMaxLevels = 12, kMaxBlocks = 64, kAttentionResolution = 16;
  const std::string file_name = table.path().string();
  const auto channels_of = [&](const std::string& name, std::size_t axis) {
    const io::TensorEntry& entry = table.at(name);
    if (entry.shape.size() != 4 || entry.shape[axis] < 1)
      fail(ErrorCode::corrupt, file_name, ": tensor ", name, " must have 4 dimensions");
    return entry.shape[axis];
  };
  const auto has_level = [&](std::int64_t level) {
    return table.find(concat("down.", level, ".block.0.conv1.weight")) != nullptr;
  };
  UNetConfig config{.in_channels = channels_of("conv_in.weight", 1),
                    .out_channels = channels_of("conv_out.weight", 0),
                    .layers_per_block = 0};
  for (std::int64_t level = 0; level < kMaxLevels && has_level(level); ++level) {
    config.block_out_channels.push_back(
        channels_of(concat("down.", level, ".block.0.conv1.weight"), 0));
    if (table.find(concat("down.", level, ".attn.0.q.weight")) != nullptr)
      config.attention_levels.push_back(level);
  }
  if (config.block_out_channels.empty())
    fail(ErrorCode::corrupt, file_name, " has no tensor \"down.0.block.0.conv1.weight\"");
  while (config.layers_per_block < kMaxBlocks &&
         table.find(concat("down.0.block.", config.layers_per_block, ".conv1.weight")) != nullptr)
    ++config.layers_per_block;
  const std::int64_t base = channels_of("conv_in.weight", 0);
  if (base != config.block_out_channels.front()) config.base_channels = base;
  require(!config.attention_levels.empty(), file_name,
          ": the weights do not tell the size of the pictures; put the network's config.json "
          "beside this file");
  config.sample_size = kAttentionResolution << config.attention_levels.front();
  try {
    validate(config);
  } catch (const Error& error) {
    fail(ErrorCode::corrupt, file_name, ": ", error.what());
  }
  return config;
}

}  // namespace ddim::engine::model
