#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ddim/class_choice.h"
#include "ddim/denoiser.h"
#include "ddim/device_kind.h"
#include "ddim/export.h"
#include "ddim/forward_process.h"
#include "ddim/memory_use.h"
#include "ddim/model_overrides.h"
#include "ddim/picture_shape.h"
#include "ddim/precision.h"
#include "ddim/train_config.h"
#include "ddim/unet_config.h"
#include "ddim/verification.h"
#include "ddim/weight_set.h"

namespace ddim {

/// What a model is, for people and programs.
struct ModelInfo {
  /// As training called it (output.name); for others the last part of the folder's path, and
  /// "owner/name" in a cache.
  std::string name = {};
  PictureShape shape = {};  ///< of its pictures
  std::int64_t num_parameters = 0;
  std::vector<std::int64_t> block_out_channels = {};  ///< per level, the finest first
  std::vector<std::int64_t> attention_levels = {};
  std::int64_t layers_per_block = 0;
  bool learns_variance = false;  ///< predicts a variance, too: Sampler::ddpm_learned
  /// Rows of the class table of a model that was trained with classes, 0 to num_classes - 1, the
  /// null class among them; 0 for other models.
  std::int64_t num_classes = 0;
  std::vector<std::string> class_names = {};    ///< by number; empty where the files say none
  std::optional<std::int64_t> null_class = {};  ///< the class that means "no class", where known
  /// How it is told the class of a picture: `lookup` by its number in the table, `timestep` by any
  /// number, `identity` by a vector (ClassChoice::vectors).
  ClassEmbedType class_embed_type = ClassEmbedType::none;
  ForwardProcess process = {};  ///< and what the network predicts
  std::string device = {};      ///< "cpu avx512", or "cpu avx512, bf16"
  Precision precision = Precision::fp32;
  std::string format = {};        ///< "diffusers folder", "checkpoint of the official code" ...
  std::string weight_type = {};   ///< as stored: "F32"; "F16, F32" where they differ
  bool has_both_weights = false;  ///< a moving average (EMA), and the trained weights behind it
  bool has_adam = false;          ///< the optimizer state that training needs to go on
  std::int64_t step = 0;          ///< training steps done, where the files say so
  /// A checksum of the pictures that it was trained on, where the files say so.
  std::optional<std::uint32_t> training_data = {};
  std::optional<DataConfig> data_config = {};  ///< and how it read them, likewise
  std::optional<WeightSet> weights = {};       ///< where LoadOptions chose
  ModelOverrides overrides = {};               ///< what was given in place of what the files say
  /// Sentences about what was chosen among a file's weights, and what was left out or given.
  std::vector<std::string> notes = {};
};

/// How a model is loaded.
struct LoadOptions {
  DeviceKind device = DeviceKind::cpu;
  Precision precision = Precision::fp32;  ///< DeviceKind::reference has fp32 only
  MemoryUse memory_use = MemoryUse::normal;
  std::optional<WeightSet> weights = {};  ///< of files that have both; default: the average
  ModelOverrides overrides = {};          ///< what to take in place of what the files say
  Verification verification = Verification::check;  ///< of the weights, while they are loaded
};

/// A trained network, or a custom denoiser, with its forward process. A handle: copies share the
/// weights, which never change. Several threads may use one Model at the same time, in any calls.
class DDIM_API Model {
 public:
  /// Loads a diffusers folder (weights as safetensors, also in several parts, or PyTorch's .bin), a
  /// checkpoint of ddim train (of a run's folder the newest) or accelerate, or a file of the DDIM
  /// paper's code (ckpt.pth, pesser's .ckpt); weights below any prefix, or below a key of a
  /// dictionary. Error(user) when `path` is none of these or has only one set of weights to choose
  /// from, and for a device without this precision; Error(corrupt) when files are damaged or do not
  /// belong together; Error(io) when the system refuses to read. Messages name the file. Nothing in
  /// a file is ever executed.
  static Model load(const std::filesystem::path& path, const LoadOptions& options = {});
  /// The same from memory: the contents of a model's files by their names relative to its folder,
  /// such as "unet/config.json", or "ckpt.pth" alone. The bytes are needed during this call only.
  /// Messages name these names; info().name is empty.
  static Model load_from_memory(const std::map<std::string, std::span<const std::byte>>& files,
                                const LoadOptions& options = {});
  /// The model without its weights, from its configuration alone: in milliseconds, whatever its
  /// size. A run can be checked against it before the weights are loaded, with make_plan(),
  /// check_sample(), load_pictures() and all else that does not call the network; what does is
  /// Error(user). Weights may be missing or damaged where a folder has a configuration. Other
  /// errors as load(); info().notes say nothing about weights.
  static Model without_weights(const std::filesystem::path& path, const LoadOptions& options = {});
  /// A custom denoiser as a model. Error(user) without `predict`, for an empty shape, and for a
  /// forward process that cannot be.
  static Model from(Denoiser denoiser);

  /// What is known of it: shape, classes, forward process and others.
  const ModelInfo& info() const;
  /// A name for the weights, 64 hexadecimal digits, independent of the file they came from: the
  /// SHA-256 of a line "NAME [SHAPE] SHA-256 of the elements as fp32" for each parameter, sorted.
  /// For a custom denoiser "custom".
  const std::string& weights_hash() const;

  /// Gives back memory that only speed needs: on the CPU, what was computed from weights for the
  /// kernels, which may be more than the weights. The next call computes it again, in some
  /// milliseconds. May be called at any time.
  void trim() const;

 private:
  struct Implementation;
  friend struct ModelAccess;
  explicit Model(std::shared_ptr<const Implementation> implementation)
      : implementation_(std::move(implementation)) {}

  std::shared_ptr<const Implementation> implementation_;
};

/// Describes a model without reading its weights: milliseconds, whatever its size. The same as
/// Model::load().info(), but `device` stays empty. Errors as Model::load().
DDIM_API ModelInfo describe_model(const std::filesystem::path& path,
                                  const ModelOverrides& overrides = {});

/// Whether a class has a name that is the number of another.
DDIM_API bool has_names_like_numbers(const ModelInfo& info);

/// "number:0,number:1" of "0,1": what a recipe says of classes as words of add_classes(), whatever
/// their names. Other texts stay as they are.
DDIM_API std::string words_of_class_numbers(const std::string& numbers);

/// Adds what a word means to the classes of a choice: a number, the name of a class, or "all",
/// which is each but the null class. "name:5" and "number:5" are the one or the other in any case.
/// Error(user), which begins with `cause`, for other words, for the name of a class that is the
/// number of another, and for all but numbers where the model has no classes. Numbers are left to
/// check_sample().
DDIM_API void add_classes(const std::string& word, const ModelInfo& info, const std::string& cause,
                          ClassChoice& choice);

}  // namespace ddim
