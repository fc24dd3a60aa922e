#include "tensor/device.h"

#include "tensor/derived_parameters.h"
#include "tensor/kernels.h"

namespace ddim::engine {

Device::Device(std::unique_ptr<Backend> backend) : state_(std::make_shared<State>()) {
  state_->persistent_memory = std::make_shared<Arena>(backend->memory());
  state_->derived_parameters = std::make_shared<DerivedParameters>();
  state_->arena = std::make_unique<Arena>(backend->memory());
  state_->kernels = &backend->kernels();
  state_->backend = std::move(backend);
}

Device Device::worker(int num_threads) const {
  auto state = std::make_shared<State>();
  state->persistent_memory = state_->persistent_memory;
  state->derived_parameters = state_->derived_parameters;
  state->backend = state_->backend->fork(num_threads);
  state->arena = std::make_unique<Arena>(state->backend->memory());
  state->kernels = &state->backend->kernels();
  return Device(std::move(state));
}

}  // namespace ddim::engine
