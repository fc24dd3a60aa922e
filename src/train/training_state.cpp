#include "train/training_state.h"

#include "base/text.h"
#include "nn/initialisation.h"
#include "train/rank_exchange.h"

namespace ddim::engine::train {

TrainingState::TrainingState(const Device& device, const TrainConfig& config, Averages averages)
    : network(device, config.model), average(device, config.model) {
  initialise(network, config.training.initialisation,
             static_cast<std::uint64_t>(config.training.seed));
  m.resize(network.parameters().size());
  v.resize(network.parameters().size());
  if (averages == Averages::of_slices) return;
  for (const Parameter* parameter : network.parameters()) {
    begin_average(parameter->index, 0, parameter->value.size());
    for (Tensor* moment : {&m[parameter->index], &v[parameter->index]})
      *moment = moment->view(parameter->value.shape());
  }
}

void TrainingState::begin_average(std::size_t parameter, std::int64_t begin, std::int64_t count) {
  const Device& device = network.parameters()[parameter]->value.device();
  Kernels& k = device.kernels();
  const Slice slice{.parameter = parameter, .begin = begin, .count = count};
  Tensor& all = average.mutable_parameters()[parameter]->value;
  Tensor own = piece(all, slice);
  k.copy(piece(network.parameters()[parameter]->value, slice), own);
  all.mark_modified();
  for (Tensor* moment : {&m[parameter], &v[parameter]}) {
    *moment = Tensor::persistent(device, {count});
    k.fill(0.0, *moment);
  }
}

std::string TrainingState::problem() const {
  if (refused_in_a_row == 0) return losses.divergence();
  if (refused_in_a_row == 1) return "its last step was refused: loss or gradient were not finite";
  return concat("its last ", refused_in_a_row,
                " steps were refused: loss or gradient were not finite");
}

}  // namespace ddim::engine::train
