#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/unet.h"
#include "train/loss_history.h"
#include "train/train_config.h"

namespace ddim::engine::train {

/// Whether a state has the average and Adam's moments of all parameters, or those of the slices
/// that begin_average() begins.
enum class Averages { of_all, of_slices };

/// The state of a run beyond its configuration and data: the contents of a checkpoint.
struct TrainingState {
  /// A freshly initialised network, its average equal to it, Adam's moments zero.
  TrainingState(const Device& device, const TrainConfig& config,
                Averages averages = Averages::of_all);

  /// Of `count` values of a parameter, from `begin` on, in a state that has those of slices: the
  /// average is equal to the network, the moments are zero.
  void begin_average(std::size_t parameter, std::int64_t begin, std::int64_t count);

  UNet network;  ///< the weights being trained
  UNet average;  ///< their exponential moving average, which samples are made with; in the memory
                 ///< of a CPU, what is outside of slices is never touched, and takes none
  std::vector<Tensor> m;  ///< Adam's moments, one per parameter; undefined where there are none
  std::vector<Tensor> v;
  std::int64_t step = 0;     ///< steps done
  std::int64_t updates = 0;  ///< steps that changed the weights; the others were refused
  std::int64_t refused_in_a_row =
      0;               ///< how many of the last steps were not finite; 0 after a spike
  LossHistory losses;  ///< of the last steps that were

  /// Why the weights are not to be trusted, though they are finite: the last steps were refused, or
  /// the loss is far above what it has been. Empty for a healthy state.
  std::string problem() const;
};

}  // namespace ddim::engine::train
