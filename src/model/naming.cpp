#include "model/naming.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "base/error.h"
#include "model/overrides.h"
#include "model/weight_choice.h"

namespace ddim::engine::model {
namespace {

/// Parts of names that only this program uses, all of which its files have, below any prefix.
struct Stranger {
  std::array<std::string_view, 2> parts;
  std::string_view what;
};

constexpr Stranger kStrangers[] = {
    {{"model.diffusion_model."}, "latent diffusion (Stable Diffusion)"},
    {{"first_stage_model."}, "latent diffusion (Stable Diffusion)"},
    {{"input_blocks.0."}, "OpenAI's improved or guided diffusion"},
    {{"init_conv.", "downs.0."}, "lucidrains' denoising-diffusion-pytorch"},
    {{"init_conv.", "final_res_block."}, "lucidrains' denoising-diffusion-pytorch"},
    {{"denoise_fn.downs."}, "lucidrains' denoising-diffusion-pytorch"},
    {{"down_blocks.0.attentions.0.transformer_blocks."}, "a text-to-image network of diffusers"},
    {{"add_embedding.linear_1."}, "a text-to-image network of diffusers"},
    {{"map_layer0."}, "EDM (Karras et al.)"},
};

/// At the start of a name, or behind a dot in it.
bool has_part(const io::TensorTable& table, std::string_view part) {
  return std::ranges::any_of(table.entries(), [&](const io::TensorEntry& entry) {
    const std::size_t at = entry.name.find(part);
    return at == 0 || (at != std::string::npos && entry.name[at - 1] == '.');
  });
}

const Stranger* stranger_with(const io::TensorTable& table) {
  for (const Stranger& stranger : kStrangers) {
    const auto is_there = [&](std::string_view part) {
      return part.empty() || has_part(table, part);
    };
    if (std::ranges::all_of(stranger.parts, is_there)) return &stranger;
  }
  return nullptr;
}

std::string first_names(const io::TensorTable& table) {
  constexpr std::size_t kMaxShown = 5;
  const std::string names =
      join(table.entries() | std::views::take(kMaxShown), ", ",
           [](const io::TensorEntry& entry) { return io::display_name(entry.name); });
  return names + (table.entries().size() > kMaxShown ? ", ..." : "");
}

/// The networks of the paper: channels of the levels as multiples of the first, the level with
/// attention, and the size of the pictures.
struct PaperNetwork {
  std::vector<std::int64_t> multiples;
  std::int64_t attention_level, size;
};

std::optional<std::int64_t> paper_size_of(const UNetConfig& config) {
  const PaperNetwork networks[] = {
      {{1, 2, 2, 2}, 1, 32},         // CIFAR-10
      {{1, 2, 2, 2, 4}, 2, 64},      // CelebA
      {{1, 1, 2, 2, 4, 4}, 4, 256},  // LSUN, CelebA-HQ
  };
  const std::int64_t first = config.conv_in_channels();
  for (const PaperNetwork& network : networks) {
    std::vector<std::int64_t> channels;
    for (const std::int64_t multiple : network.multiples) channels.push_back(multiple * first);
    if (channels == config.block_out_channels &&
        config.attention_levels == std::vector{network.attention_level})
      return network.size;
  }
  return std::nullopt;
}

}  // namespace

Naming naming_of(const io::TensorTable& table) {
  if (table.find(kOfficialAnchor) != nullptr) return Naming::official;
  const bool is_diffusers = table.find(kDiffusersAnchor) != nullptr;
  if (!is_diffusers || stranger_with(table) != nullptr) refuse_unknown_network(table);
  return Naming::diffusers;
}

void refuse_unknown_network(const io::TensorTable& table) {
  const std::string file_name = table.path().string();
  if (const Stranger* stranger = stranger_with(table))
    fail(ErrorCode::corrupt, file_name, ": these are weights of ", stranger->what,
         ", whose network is not supported");
  fail(ErrorCode::corrupt, file_name,
       ": not the weights of a supported network: ", table.entries().size(), " tensors (",
       first_names(table), ")");
}

UNetConfig official_config_of(const io::TensorTable& table, const ModelOverrides& size) {
  constexpr std::int64_t kMaxLevels = 12, kMaxBlocks = 64;
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
  const std::optional<std::int64_t> known = paper_size_of(config);
  require(known || size.height, file_name,
          ": the weights do not tell the size of the pictures; put the network's config.json or "
          "config.yml beside this file, or give --size, such as --size 64");
  config.sample_size = known.value_or(0);
  apply_size(size, config);
  try {
    validate(config);
  } catch (const Error& error) {
    fail(ErrorCode::corrupt, named_with_size(file_name, size), ": ", error.what());
  }
  return config;
}

}  // namespace ddim::engine::model
