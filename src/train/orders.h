#pragma once

#include <cstdint>
#include <stop_token>

#include "comm/communicator.h"

namespace ddim::engine::train {

/// What all ranks of a training do next.
enum class Order : std::int32_t {
  step,            ///< Trainer::step()
  validate,        ///< Trainer::validation_loss()
  gather_average,  ///< Trainer::gather_average()
  gather_state,    ///< Trainer::gather_state()
  end,
};

/// The first rank says what all do next, and hears whether one of them is to stop: a signal may
/// reach any.
class Orders {
 public:
  Orders(comm::Communicator& ranks, const std::stop_token& stop) : ranks_(ranks), stop_(stop) {}

  /// By the first rank.
  void give(Order order) { exchange(static_cast<std::int32_t>(order)); }
  /// By the others.
  Order take() { return static_cast<Order>(exchange(stop_.stop_requested() ? 1 : 0)); }
  /// Whether a rank is to stop, as far as the first rank knows: with the last order.
  bool stop_requested() const { return stop_.stop_requested() || others_stop_; }

 private:
  /// The first rank's number.
  std::int32_t exchange(std::int32_t number);

  comm::Communicator& ranks_;
  std::stop_token stop_;
  bool others_stop_ = false;
};

}  // namespace ddim::engine::train
