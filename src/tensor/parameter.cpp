#include "tensor/parameter.h"

#include <cassert>

namespace ddim::engine {

Gradients::Gradients(const Device& device, const std::vector<const Parameter*>& parameters)
    : written_(parameters.size(), false) {
  tensors_.reserve(parameters.size());
  for (const Parameter* parameter : parameters) {
    assert(parameter->index == tensors_.size());
    tensors_.push_back(
        Tensor::persistent(device, parameter->value.shape(), parameter->value.dtype()));
  }
}

void Gradients::clear() { written_.assign(written_.size(), false); }

Grad Gradients::slot(std::size_t index) {
  const Write write = written_[index] ? Write::accumulate : Write::overwrite;
  written_[index] = true;
  return {tensors_[index], write};
}

void Gradients::finish() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!written_[i]) tensors_[i].device().kernels().fill(0.0, tensors_[i]);
    written_[i] = true;
  }
}

}  // namespace ddim::engine
