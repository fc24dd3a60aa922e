#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::engine::io {

/// Names the kind of pipeline, at the top of a diffusers model; the oldest models have none.
inline constexpr const char* kModelIndexFile = "model_index.json";

/// The most bytes of a model's configuration: trained_betas may be long.
inline constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{16} << 20;

/// The folder of the average of the weights, beside unet/, in a checkpoint of accelerate.
inline constexpr const char* kAverageFolder = "unet_ema/";

/// Where the files of a diffusers model are, relative to its folder and with `/`. There are two
/// layouts: unet/ and scheduler/, in which models are saved today and which is the initial value,
/// or all files at the top (google/ddpm-*).
struct DiffusersLayout {
  std::string unet = "unet/";            ///< the folder of the network; empty for the top
  std::string scheduler = "scheduler/";  ///< the folder of the schedule; empty for the top

  std::string unet_config() const { return unet + "config.json"; }
  std::string scheduler_config() const { return scheduler + "scheduler_config.json"; }

  /// The possible names of the weights, best first: full precision before fp16, and safetensors
  /// before PyTorch's .bin. The index of shards is before the whole file, as in diffusers.
  std::vector<std::string> weights() const;
  /// The one of them that we write.
  std::string written_weights() const;
};

/// Whether a file of weights is an index, which lists the shards with the tensors.
bool is_shard_index(std::string_view name);

/// Whether `name` could be of this index: unet/diffusion_pytorch_model-00001-of-00003.safetensors
/// of unet/diffusion_pytorch_model.safetensors.index.json.
bool is_shard(std::string_view name, std::string_view index);

/// The layout of the model whose files `has_file` knows, by names relative to its folder.
DiffusersLayout find_diffusers_layout(const std::function<bool(const std::string&)>& has_file);

}  // namespace ddim::engine::io
