#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_table.h"

namespace ddim::engine::model {

/// The end of the name of a tensor that each supported network has: in the official code's names,
/// in diffusers'.
inline constexpr std::string_view kOfficialAnchor = "temb.dense.0.weight";
inline constexpr std::string_view kDiffusersAnchor = "time_embedding.linear_1.weight";

/// What stands before a supported network's names in the name of this tensor, if the tensor is one
/// of those two: "module." of module.temb.dense.0.weight.
std::optional<std::string> prefix_before_anchor(std::string_view name);

/// One dictionary of tensors in a file, under the file's own names.
struct TensorDictionary {
  std::string place = {};  ///< the keys that lead there, "ema.module"; empty for the whole file
  io::TensorTable tensors;
};

/// The weights of a network among the tensors of a file, under names without any prefix.
struct ChosenWeights {
  io::TensorTable weights;                      ///< the average where there are two sets
  std::optional<io::TensorTable> trained = {};  ///< the other set then
  std::vector<std::string> notes = {};          ///< what was chosen, dropped and left out
};

/// Every supported network in the dictionaries alone, under names without any prefix.
std::vector<io::TensorTable> networks_of(const std::vector<TensorDictionary>& dictionaries);

/// Finds the network below any prefix of any of the dictionaries. Where there are several sets of
/// weights, one is an average if a word of its place says so (ema, average, shadow, swa ...); the
/// outermost and first of each kind is taken, and the notes name the others. Where there is no
/// supported network, the first dictionary as it is, of which there must be one.
ChosenWeights choose_weights(const std::vector<TensorDictionary>& dictionaries);

}  // namespace ddim::engine::model
