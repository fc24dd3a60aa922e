#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ddim/memory_use.h"
#include "ddim/precision.h"

namespace ddim {

/// What runs the network.
enum class DeviceKind {
  cpu,        ///< optimised
  reference,  ///< plain loops, very slow: what `cpu` is tested against
};

/// What a model is, for people and programs.
struct ModelInfo {
  std::string name = {};        ///< the last part of its folder's path; "owner/name" in a cache
  std::int64_t resolution = 0;  ///< height of its pictures, and mostly their width
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< of its pictures
  std::int64_t num_parameters = 0;
  std::vector<std::int64_t> block_out_channels = {};  ///< per level, the finest first
  std::vector<std::int64_t> attention_levels = {};
  std::int64_t layers_per_block = 0;
  /// Rows of the class table of a model that was trained with classes, 0 to num_classes - 1, the
  /// null class among them; 0 for other models.
  std::int64_t num_classes = 0;
  std::optional<std::int64_t> null_class = {};  ///< the class that means "none", where it is known
  std::int64_t T = 0;                           ///< training steps of the forward process
  double beta_start = 0.0;
  double beta_end = 0.0;
  std::string prediction = {};  ///< "eps", "x0" or "v"
  std::string device = {};      ///< "cpu avx512, 2 threads"
  Precision precision = Precision::fp32;
  std::string format = {};        ///< "diffusers folder", "checkpoint of the official code" ...
  std::string weight_type = {};   ///< as stored: "F32"; "F16, F32" where they differ
  bool has_both_weights = false;  ///< a moving average (EMA), and the trained weights behind it
  bool has_adam = false;          ///< what training needs to go on
  std::int64_t step = 0;          ///< training steps done, where the files say so
};

/// A checkpoint of a training run has two sets of weights.
enum class WeightSet {
  ema,  ///< the moving average: what pictures are made with
  raw,  ///< the weights behind it
};

struct LoadOptions {
  DeviceKind device = DeviceKind::cpu;
  Precision precision = Precision::fp32;  ///< DeviceKind::reference has fp32 only
  MemoryUse memory_use = MemoryUse::normal;
  std::optional<WeightSet> weights = {};  ///< of files that have both; default: the average
};

/// A trained network with the schedule that it was trained for. A handle: copies share the weights,
/// which never change.
class Model {
 public:
  /// Loads a diffusers folder (weights as safetensors, in parts too, or PyTorch's .bin), a
  /// checkpoint of ddim train, or a file of the DDIM paper's code (ckpt.pth, pesser's .ckpt).
  /// Error(user) when `path` is none or has only one set of weights to choose from, and for a
  /// device that has not this precision; Error(corrupt)
  /// when files are damaged or do not belong together, Error(io) when the system refuses to read.
  /// Messages name the file. Nothing in a file is ever run.
  static Model load(const std::filesystem::path& path, const LoadOptions& options = {});

  const ModelInfo& info() const;
  /// A name for the weights, 64 hexadecimal digits, that does not depend on the file they came
  /// from: the SHA-256 of a line "NAME [SHAPE] SHA-256 of the elements as fp32" for each parameter,
  /// sorted.
  const std::string& weights_hash() const;

  struct Implementation;
  const Implementation& implementation() const { return *implementation_; }

 private:
  explicit Model(std::shared_ptr<const Implementation> implementation)
      : implementation_(std::move(implementation)) {}

  std::shared_ptr<const Implementation> implementation_;
};

/// Finds out what a model is without reading its weights: milliseconds, whatever its size. `device`
/// stays empty. Errors as Model::load().
ModelInfo describe_model(const std::filesystem::path& path);

}  // namespace ddim
