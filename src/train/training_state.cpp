#include "train/training_state.h"

#include "base/text.h"
#include "nn/initialisation.h"

namespace ddim::engine::train {

TrainingState::TrainingState(const Device& device, const TrainConfig& config)
    : network(device, config.model), average(device, config.model) {
  initialise(network, config.training.initialisation,
             static_cast<std::uint64_t>(config.training.seed));
  Kernels& k = device.kernels();
  for (const Parameter* parameter : network.parameters()) {
    Tensor& copy = average.mutable_parameters()[parameter->index]->value;
    k.copy(parameter->value, copy);
    copy.mark_modified();
    m.push_back(Tensor::persistent(device, parameter->value.shape()));
    v.push_back(Tensor::persistent(device, parameter->value.shape()));
    k.fill(0.0, m.back());
    k.fill(0.0, v.back());
  }
}

std::string TrainingState::problem() const {
  if (refused_in_a_row == 0) return losses.divergence();
  if (refused_in_a_row == 1) return "its last step was refused: loss or gradient were not finite";
  return concat("its last ", refused_in_a_row,
                " steps were refused: loss or gradient were not finite");
}

}  // namespace ddim::engine::train
