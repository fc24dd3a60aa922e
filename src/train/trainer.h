#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/epoch_order.h"
#include "diffusion/schedule.h"
#include "tensor/crew.h"
#include "train/gradient_tree.h"
#include "train/rank_exchange.h"
#include "train/train_config.h"
#include "train/training_state.h"

namespace ddim::engine::train {

/// What one step did.
struct StepReport {
  std::int64_t step = 0;  ///< its number, from 0; messages count from 1, as all that people see
  double loss = 0.0;
  double grad_norm = 0.0;  ///< before clipping
  double learning_rate = 0.0;
  std::string refused =
      {};  ///< why the weights were left as they are, naming the layer; empty if not
  std::string spike =
      {};  ///< that loss or gradient stand out, though the step counts; empty if not
};

/// Trains a network on E |target - output|^2, target being eps (eq. 5 with gamma = 1), x_0 or v as
/// the configuration says, one step at a time. A step's
/// batch is cut into `shards` parts of consecutive images; each is computed from the first to the
/// last op by one of the workers of a crew; then gradients are added by
/// GradientTree, and Adam and the moving average run over the parameters. The state after a step is
/// a function of the configuration, the data and the state before, bit for bit, not of the number
/// of threads or ranks.
///
/// With several ranks, each computes some of the shards, and runs Adam and the average for the
/// slices of parameters that it owns (RankExchange). All have the weights; a rank has the average
/// and the moments of its own slices, and the first rank those of all after gather_average() or
/// gather_state(). What is said to be done by all ranks is done by them together.
class Trainer {
 public:
  /// The weights live on `device`; `dataset` must outlive the trainer, have the size and channels
  /// that the configuration names and, for a network that is told classes, labels below
  /// model.num_classes (Error(user) otherwise). The memory that a step needs is found out by a dry
  /// run and taken here. Error(user) when there are more ranks than shards.
  Trainer(const TrainConfig& config, const Device& device, const data::Dataset& dataset,
          std::shared_ptr<comm::Communicator> ranks = comm::make_single());

  /// Error(user), beginning with `name`, for a data set, such as held-out pictures, whose sizes or
  /// classes do not suit the network.
  void check_suits(const data::Dataset& dataset, std::string_view name) const;

  /// The loss of the weights being trained, as the loss of a step but without dropout, flips and
  /// hidden labels, over `max_count` images, at most all and evenly spaced, of another data set of
  /// the same sizes. The same t and eps each time, from streams that training does not use. The
  /// result does not depend on the number of threads. Error(user) when the data do not suit the
  /// network. By all ranks.
  double validation_loss(const data::Dataset& held_out, std::int64_t max_count);

  /// Seconds that a step will take, measured on one shard for each worker; nothing changes.
  double measure_step_seconds();

  /// Runs step state().step. A step with a loss or gradient that is not finite is refused: it
  /// counts, but weights, average and moments stay. Error(numeric) at the 10th of these in a row.
  /// A spike is left out in the same way where training.skip_spikes says so. By all ranks.
  StepReport step();

  /// Gives the state of the first rank to the others. By all ranks.
  void share_state();
  /// The first rank gets the average, or all that a checkpoint holds, from the others. By all
  /// ranks.
  void gather_average();
  void gather_state();

  TrainingState& state() { return state_; }
  const TrainingState& state() const { return state_; }
  const ShardRange& own_shards() const { return own_shards_; }
  int num_threads() const { return crew_.num_threads(); }
  /// What the arenas asked of the system so far: a step after the first does not raise it.
  std::int64_t num_system_allocations() const;

 private:
  struct ShardInputs {
    std::vector<double> weights;  // of the squared errors
    Tensor target;                // [n,H,W,C]
    Tensor x_t;                   // [n,H,W,C]
    std::vector<double> t;
    std::vector<double> classes;  // empty for a network that is told none
    ClassLabels labels() const { return {.numbers = classes, .vectors = {}}; }
  };
  /// Images of a step or of a validation, drawn once for all shards. eps of image i is that of
  /// place i under `noise`.
  struct Batch {
    const data::Images& source;
    NoiseKey noise;
    std::int64_t step;
    std::vector<std::int64_t> images;
    std::vector<data::Flip> flips;
    std::vector<std::int64_t> t;
    std::vector<double> classes;  // with the null class where a label is dropped; or empty
  };

  const std::vector<Device>& workers() const { return crew_.workers(); }
  int num_workers() const { return static_cast<int>(workers().size()); }
  void reserve_memory();
  Batch batch_of(std::int64_t step);
  std::vector<double> classes_of(std::int64_t step, std::span<const std::int64_t> images) const;
  /// Of images first .. first + n - 1 of the batch.
  ShardInputs make_inputs(const Device& worker, const Batch& batch, std::int64_t first,
                          std::int64_t n) const;
  void run_shard(const Device& worker, const UNet& network, const Batch& batch, std::int64_t shard,
                 Gradients& gradients, std::span<double> squared_errors) const;
  std::string find_cause(const Batch& batch, std::span<const double> squared_errors,
                         std::span<const double> sums_of_squares) const;
  /// The mean over images, from weighted squared errors.
  double loss_of(std::span<const double> squared_errors) const;
  /// Fills in the squared errors of other ranks: each has those of its part of num_parts, of n
  /// images each.
  void gather_errors(std::span<double> squared_errors, std::int64_t num_parts,
                     std::int64_t n) const;
  /// Of gradients_, after all own shards: the sum of the whole step.
  const Gradients& sum_of_gradients();
  /// The sum of squares of each.
  std::vector<double> sums_of_squares(const Gradients& sum);
  void update_weights(const AdamUpdate& update, const Gradients& sum);

  TrainConfig config_;
  std::shared_ptr<comm::Communicator> ranks_;
  Device device_;
  const data::Images& images_;
  std::span<const std::int64_t> labels_;
  diffusion::Schedule schedule_;
  data::EpochOrder order_;
  ShardRange own_shards_;
  Crew crew_;
  TrainingState state_;
  GradientTree gradients_;
  std::optional<RankExchange> exchange_;  ///< where there are several ranks
  std::vector<Slice> own_slices_;         ///< without ranks, whole parameters
};

}  // namespace ddim::engine::train
