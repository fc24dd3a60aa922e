#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/unet.h"
#include "train/loss_history.h"
#include "train/train_config.h"

namespace ddim::engine::train {

/// Whether a state has Adam's moments of all parameters, or those that make_moments() makes.
enum class Moments { of_all, of_none };

/// The state of a run beyond its configuration and data: the contents of a checkpoint.
struct TrainingState {
  /// A freshly initialised network, its average equal to it, Adam's moments zero.
  TrainingState(const Device& device, const TrainConfig& config, Moments moments = Moments::of_all);

  /// Makes those of a parameter, or of a slice of it, zero, where there are none.
  void make_moments(std::size_t parameter, const Shape& shape);

  UNet network;           ///< the weights being trained
  UNet average;           ///< their exponential moving average, which samples are made with
  std::vector<Tensor> m;  ///< Adam's moments, one per parameter; undefined where there are none
  std::vector<Tensor> v;
  std::int64_t step = 0;              ///< steps done
  std::int64_t updates = 0;           ///< steps that changed the weights; the others were refused
  std::int64_t refused_in_a_row = 0;  ///< how many of the last steps were not finite
  LossHistory losses;                 ///< of the last steps that were

  /// Why the weights are not to be trusted, though they are finite: the last steps were refused, or
  /// the loss is far above what it has been. Empty for a healthy state.
  std::string problem() const;
};

}  // namespace ddim::engine::train
