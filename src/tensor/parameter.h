#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tensor/kernels.h"
#include "tensor/tensor.h"

namespace ddim::engine {

/// What a parameter does in its layer: what its first values go by.
enum class ParameterRole {
  weight,       ///< of a convolution or a linear layer
  last_weight,  ///< the same, of the layer that ends a residual branch or the network
  bias,         ///< of the layer whose weight precedes it
  scale,        ///< of a norm
  shift,        ///< of a norm
  table,        ///< rows to be looked up
  frequencies,  ///< of a fourier embedding
};

/// A trainable tensor under its checkpoint name ("down_blocks.0.resnets.0.conv1.weight"), in the
/// checkpoint's shape. `index` is its place in the network's list of parameters.
struct Parameter {
  std::string name;
  Tensor value;
  std::size_t index = 0;
  ParameterRole role = ParameterRole::weight;
};

/// One gradient buffer for each parameter of a network, in its order: what one shard of a training
/// step writes into. The first contribution after clear() overwrites, the others are added.
class Gradients {
 public:
  /// Buffers like `parameters`, contents undefined until clear() and a backward pass.
  Gradients(const Device& device, const std::vector<const Parameter*>& parameters);

  /// Forgets all contributions; touches no memory.
  void clear();
  /// The slot of parameter `index`; the caller promises to write it.
  Grad slot(std::size_t index);
  /// Zeroes what got no contribution since clear(). Call after the backward pass, before reading.
  void finish();

  std::size_t size() const { return tensors_.size(); }
  Tensor& operator[](std::size_t index) { return tensors_[index]; }
  const Tensor& operator[](std::size_t index) const { return tensors_[index]; }

 private:
  std::vector<Tensor> tensors_;
  std::vector<bool> written_;
};

}  // namespace ddim::engine
