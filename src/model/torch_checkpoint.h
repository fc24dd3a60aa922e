#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/tensor_table.h"

namespace ddim::engine::model {

/// Adam's hyperparameters.
struct AdamSettings {
  double learning_rate = 2e-4, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

/// Adam's state in a file of PyTorch: entry i of `m` and `v` belongs to its i-th parameter.
struct TorchAdam {
  std::vector<io::TensorEntry> m = {}, v = {};
  std::int64_t num_updates = 0;
  AdamSettings settings = {};
};

/// The contents of a file of torch.save, under the file's own names.
struct TorchCheckpoint {
  std::string kind;
  io::TensorTable weights;                      ///< the average where there are two sets
  std::optional<io::TensorTable> trained = {};  ///< the other set then
  std::optional<TorchAdam> adam = {};
  std::int64_t epoch = 0, step = 0;
  std::string config_json = {};  ///< io::TorchContents::config_json
};

/// Reads a mapped file, which messages call `path`:
///   - the list [model, adam, epoch, step] or [model, adam, epoch, step, average] of the DDIM
///     paper's code, without the `module.` that DataParallel puts before the model's names
///   - a dictionary of weights (pesser's .ckpt, diffusers' .bin), also one below `state_dict`
/// Error(corrupt) naming the file: as io::open_torch_file(), for anything else (by name where it is
/// known: lucidrains' model-N.pt), and for an optimizer that is not Adam without weight decay and
/// amsgrad, or whose parameters have made different numbers of updates.
TorchCheckpoint open_torch_checkpoint(const std::filesystem::path& path,
                                      std::shared_ptr<const io::MappedFile> file);

}  // namespace ddim::engine::model
