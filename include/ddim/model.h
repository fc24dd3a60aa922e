#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ddim {

/// What runs the network.
enum class DeviceKind {
  cpu,        ///< optimised
  reference,  ///< plain loops, very slow: what `cpu` is tested against
};

/// What a model is, for people and programs.
struct ModelInfo {
  std::string name = {};        ///< the last part of its folder's path; "owner/name" in a cache
  std::int64_t resolution = 0;  ///< height and width of its pictures
  std::int64_t channels = 0;    ///< of its pictures
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
  std::string device = {};  ///< "cpu avx512, 2 threads"
};

/// A trained network with the schedule that it was trained for. A handle: copies share the weights,
/// which never change.
class Model {
 public:
  /// Loads a diffusers folder, or a checkpoint of ddim. Error(user) when `folder` is none,
  /// Error(corrupt) when its files are damaged or do not belong together, Error(io) when the system
  /// refuses to read. Messages name the file.
  static Model load(const std::filesystem::path& folder, DeviceKind device = DeviceKind::cpu);

  const ModelInfo& info() const;

  struct Implementation;
  const Implementation& implementation() const { return *implementation_; }

 private:
  explicit Model(std::shared_ptr<const Implementation> implementation)
      : implementation_(std::move(implementation)) {}

  std::shared_ptr<const Implementation> implementation_;
};

/// How weights are stored; in memory they are always fp32.
enum class WeightType { f32, f16 };

/// Rewrites a model as a diffusers folder `output`, which must not exist. `folder` holds the
/// config.json and unet.safetensors of the DDIM paper's code, or is anything that Model::load()
/// takes. Nothing is written when anything is wrong; Error(numeric) for weights that f16 cannot
/// hold.
void convert_model(const std::filesystem::path& folder, const std::filesystem::path& output,
                   WeightType type = WeightType::f32);

}  // namespace ddim
