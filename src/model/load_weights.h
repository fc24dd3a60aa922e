#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/tensor_table.h"
#include "nn/unet.h"

namespace ddim::engine::model {

/// The naming scheme of a file's tensors.
enum class Naming {
  diffusers,  ///< of any age
  official,   ///< of the DDIM paper's code (see official_name())
};

/// A network's weights in a file, in the order of UNet::parameters(), under today's diffusers names
/// and with the shapes of the parameters. They point into mapped files.
using StoredWeights = std::vector<io::TensorEntry>;

/// The weights of the network `config` among the tensors of `table`. Throws Error(corrupt), naming
/// the file: missing and unexpected names (the first five of each and how many there are), a tensor
/// of another shape (both shapes) or of a type that is not a float, one tensor under two names.
StoredWeights match_weights(const io::TensorTable& table, Naming naming, const UNetConfig& config);

/// Fills the network's parameters, converted to fp32, and gives back the memory behind the pages of
/// mapped files as it goes. Errors as io::read_f32.
void read_weights(const StoredWeights& weights, UNet& unet);
/// The same for other tensors in the order of its parameters.
void read_tensors(const StoredWeights& weights, std::span<Tensor> tensors);

}  // namespace ddim::engine::model
