#include "train/training_state.h"

#include "base/text.h"
#include "nn/initialisation.h"

namespace ddim::engine::train {

TrainingState::TrainingState(const Device& device, const TrainConfig& config, Moments moments)
    : network(device, config.model), average(device, config.model) {
  initialise(network, config.training.initialisation,
             static_cast<std::uint64_t>(config.training.seed));
  Kernels& k = device.kernels();
  for (const Parameter* parameter : network.parameters()) {
    Tensor& copy = average.mutable_parameters()[parameter->index]->value;
    k.copy(parameter->value, copy);
    copy.mark_modified();
  }
  m.resize(network.parameters().size());
  v.resize(network.parameters().size());
  for (std::size_t i = 0; moments == Moments::of_all && i < m.size(); ++i)
    make_moments(i, network.parameters()[i]->value.shape());
}

void TrainingState::make_moments(std::size_t parameter, const Shape& shape) {
  const Device& device = network.parameters()[parameter]->value.device();
  for (Tensor* moment : {&m[parameter], &v[parameter]}) {
    if (moment->defined()) continue;
    *moment = Tensor::persistent(device, shape);
    device.kernels().fill(0.0, *moment);
  }
}

std::string TrainingState::problem() const {
  if (refused_in_a_row == 0) return losses.divergence();
  if (refused_in_a_row == 1) return "its last step was refused: loss or gradient were not finite";
  return concat("its last ", refused_in_a_row,
                " steps were refused: loss or gradient were not finite");
}

}  // namespace ddim::engine::train
