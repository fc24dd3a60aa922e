#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/tensor_table.h"
#include "model/weight_choice.h"

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

/// TorchCheckpoint::kind of the list that the DDIM paper's code writes.
inline constexpr const char* kOfficialCheckpoint = "checkpoint of the official code";

/// The contents of a file of weights, under the file's own names.
struct TorchCheckpoint {
  std::string kind;
  std::vector<TensorDictionary> dictionaries;
  std::vector<std::string> notes = {};  ///< averages without names that fit no network
  std::optional<TorchAdam> adam = {};
  std::string adam_problem = {};  ///< why the optimizer's state is not `adam`; empty without one
  std::int64_t epoch = 0, step = 0;
  std::string config_json = {};  ///< io::TorchContents::config_json
  std::string damage = {};       ///< io::TorchContents::damage
};

/// Reads a mapped file, which messages call `path`:
///   - the list [model, adam, epoch, step] or [model, adam, epoch, step, average] of the DDIM
///     paper's code
///   - a dictionary of weights (pesser's .ckpt, diffusers' .bin), or one that holds some below
///     whatever keys, with an optimizer and counts of epochs and steps beside them
/// An optimizer that is not Adam without weight decay and amsgrad, or whose parameters have made
/// different numbers of updates, is left out. Error(corrupt) naming the file: as
/// io::open_torch_file(), and for anything else: states of optimizers and the like by what they
/// are.
TorchCheckpoint open_torch_checkpoint(const std::filesystem::path& path,
                                      std::shared_ptr<const io::MappedFile> file);

/// Whose the state in a mapped optimizer.bin is, for a message: "it is of Adam (learning rate
/// 0.0001, weight decay 0.01), for 328 parameters in the order of their module"; or why that cannot
/// be said.
std::string describe_optimizer(const std::filesystem::path& path,
                               std::shared_ptr<const io::MappedFile> file);

}  // namespace ddim::engine::model
