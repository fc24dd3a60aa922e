#include "tensor/device.h"

#include <utility>

#include "base/error.h"
#include "base/thread_team.h"
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
  require(num_threads >= 1, "device: number of threads (", num_threads, ") must be at least 1");
  return worker(std::make_shared<ThreadTeam>(num_threads));
}

Device Device::worker(std::shared_ptr<ThreadTeam> team) const {
  auto state = std::make_shared<State>();
  state->persistent_memory = state_->persistent_memory;
  state->derived_parameters = state_->derived_parameters;
  state->backend = state_->backend->fork(std::move(team));
  state->arena = std::make_unique<Arena>(state->backend->memory());
  state->kernels = &state->backend->kernels();
  return Device(std::move(state));
}

}  // namespace ddim::engine
