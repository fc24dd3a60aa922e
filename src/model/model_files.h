#pragma once

#include <ddim/weight_set.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/diffusers_config.h"
#include "model/load_weights.h"
#include "model/torch_checkpoint.h"
#include "nn/unet_config.h"

namespace ddim::model {

/// The moments of Adam, in the order of the parameters.
struct StoredAdam {
  StoredWeights m, v;
  std::int64_t num_updates = 0;
  AdamSettings settings = {};
};

/// A model where it lies in files: all that is known before its weights are read. The weights point
/// into `files`.
struct ModelFiles {
  std::string kind;            ///< "diffusers folder"
  std::filesystem::path path;  ///< as it was named
  UNetConfig config;
  io::SchedulerFileConfig scheduler;
  std::filesystem::path scheduler_path;       ///< the file that `scheduler` is from
  StoredWeights weights;                      ///< the average where there are two sets
  std::optional<StoredWeights> trained = {};  ///< the other set then
  std::optional<StoredAdam> adam = {};
  std::int64_t epoch = 0;  ///< as far as it is known
  std::int64_t step = 0;   ///< training steps done, as far as it is known
  std::vector<std::shared_ptr<const io::MappedFile>> files;

  /// One of the sets; no choice = `weights`. Error(user) for a choice where there is only one set.
  const StoredWeights& weights_of(std::optional<WeightSet> set) const;
};

/// Whether to look at state.safetensors of our own checkpoints: only who trains or chooses a set of
/// weights needs it, and a model can be used without.
enum class TrainingPart { skip, read };

/// Finds out what a path holds and reads it as far as its weights are not needed:
///   - a diffusers folder, either with unet/ and scheduler/ in it (what is saved today, and our
///     checkpoints) or with all files at the top (google/ddpm-*); its weights as one safetensors
///     file, as several, or as PyTorch's .bin
///   - a file of the official code (ckpt.pth) or of its names (pesser's .ckpt, safetensors), with
///     its configuration as config.json beside it or found out from the weights
///   - a folder with config.json of the official code and unet.safetensors or ckpt.pth
///   - a file of weights in a diffusers folder
/// Throws, naming the file: Error(user) for a path that is none of these and for a configuration
/// that cannot be built, Error(corrupt) for files that are damaged or do not belong together,
/// Error(io) when the system refuses.
ModelFiles open_model(const std::filesystem::path& path,
                      TrainingPart training = TrainingPart::skip);

}  // namespace ddim::model
