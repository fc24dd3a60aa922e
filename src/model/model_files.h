#pragma once

#include <ddim/model_overrides.h>
#include <ddim/weight_set.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/diffusers_config.h"
#include "io/file_tree.h"
#include "model/load_weights.h"
#include "model/torch_checkpoint.h"
#include "nn/unet_config.h"

namespace ddim::engine::model {

/// The moments of Adam, in the order of the parameters.
struct StoredAdam {
  StoredWeights m, v;
  std::int64_t num_updates = 0;
  AdamSettings settings = {};
};

/// A file of a model as the manifest of our checkpoints lists it.
struct ListedFile {
  std::filesystem::path path;
  std::string sha256;
};

/// A model in its files: everything known before the weights are read. The weights point into
/// `files`.
struct ModelFiles {
  std::string kind;            ///< "diffusers folder"
  std::filesystem::path path;  ///< as the caller named it
  UNetConfig config;
  io::SchedulerFileConfig scheduler;
  std::filesystem::path scheduler_path;  ///< the file that `scheduler` is from
  std::string scheduler_name = {};       ///< for errors: that, and what was given in its place
  io::ModelNames names = {};
  StoredWeights weights;                      ///< the average where there are two sets
  std::optional<StoredWeights> trained = {};  ///< the other set then
  std::optional<StoredAdam> adam = {};
  std::string adam_problem = {};  ///< why an optimizer's state is not `adam`; empty without one
  std::int64_t epoch = 0;         ///< 0 where unknown
  std::int64_t step = 0;          ///< training steps done; 0 where unknown
  /// data::fingerprint() of what it was trained on, where known.
  std::optional<std::uint32_t> training_data = {};
  std::string training_config = {};  ///< the text of config.toml, of our checkpoints
  /// Sentences about what was chosen among the weights, and what was left out or given.
  std::vector<std::string> notes = {};
  std::vector<std::shared_ptr<const io::MappedFile>> files;
  std::vector<ListedFile> listed = {};  ///< of our checkpoints
  /// Damage that was found and hinders no reading, but would the comparison: of the manifest, or of
  /// a description of tensors. A message without a remedy; empty where there is none.
  std::string damage = {};

  /// The chosen set, by default `weights`. Error(user) for a choice where there is only one set.
  const StoredWeights& weights_of(std::optional<WeightSet> set) const;
};

/// Whether to read state.safetensors of our own checkpoints. Only training and the choice of a set
/// of weights need it.
enum class TrainingPart { skip, read };

/// Opens a model in `tree` and reads everything but its weights. The path can be
///   - a diffusers folder (our checkpoints too) in either io::DiffusersLayout; its weights as one
///     safetensors file, as several, or as PyTorch's .bin; in fp16 where there are no others
///   - a file of the official code (ckpt.pth) or of its names (pesser's .ckpt, safetensors), with
///     its configuration in config.json or config.yml beside it or deduced from the weights
///   - a folder with config.json or config.yml of the official code and unet.safetensors or
///   ckpt.pth
///   - a file of weights in a diffusers folder
///   - a checkpoint-N of accelerate, with unet/ or unet_ema/ or both, or one of these folders; its
///     scheduler in the finished model's folder, which is above it
///   - the folder of a training run: its newest checkpoint (newest_checkpoint())
/// Weights are found as choose_weights() does. What `overrides` say counts, whatever files say;
/// `process` is that of a model whose scheduler's file is missing.
/// Errors name the file: Error(user) for any other path and for a configuration that cannot be
/// built, Error(corrupt) for files that are damaged or do not belong together, Error(io) when the
/// system refuses.
ModelFiles open_model(const std::filesystem::path& path, TrainingPart training = TrainingPart::skip,
                      const ModelOverrides& overrides = {},
                      const io::FileTree& tree = io::files_on_disk(),
                      const std::optional<ForwardProcess>& process = {});

/// The same without the weights (but with `training_data` and `training_config`), which may be
/// missing or damaged where a folder has a configuration that says what they are.
ModelFiles open_configuration(const std::filesystem::path& path,
                              const ModelOverrides& overrides = {});

}  // namespace ddim::engine::model
