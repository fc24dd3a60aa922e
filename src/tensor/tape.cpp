#include "tensor/tape.h"

#include <cassert>

namespace ddim::engine {

Grad Var::grad() const {
  if (slot_ == nullptr) return {};
  if (slot_->gradients != nullptr) return slot_->gradients->slot(slot_->index);
  if (slot_->tensor.defined()) return {slot_->tensor, Write::accumulate};
  slot_->tensor = empty_like(value_);
  return {slot_->tensor, Write::overwrite};
}

void Var::pass_grad(const Tensor& dy) const {
  if (!needs_grad()) return;
  assert(dy.shape() == value_.shape());
  const bool is_first = slot_->gradients == nullptr && !slot_->tensor.defined();
  if (is_first && dy.dtype() == value_.dtype()) {
    slot_->tensor = dy;
  } else {
    dy.device().kernels().accumulate(dy, grad());
  }
}

Var Tape::variable(Tensor value) const {
  if (!recording()) return constant(std::move(value));
  return {std::move(value), std::make_shared<Var::Slot>()};
}

Var Tape::leaf(const Parameter& parameter) const {
  if (!recording()) return constant(parameter.value);
  auto slot = std::make_shared<Var::Slot>();
  slot->gradients = gradients_;
  slot->index = parameter.index;
  return {parameter.value, std::move(slot)};
}

void Tape::backward(const Var& output, const Tensor& dy) {
  assert(recording() && output.needs_grad());
  const Grad seed = output.grad();
  dy.device().kernels().accumulate(dy, seed);
  while (!steps_.empty()) {
    Step step = std::move(steps_.back());
    steps_.pop_back();
    if (!step.output->tensor.defined()) continue;  // nothing downstream used it
    step.backward(step.output->tensor);
    step.output->tensor = Tensor();
  }
}

}  // namespace ddim::engine
