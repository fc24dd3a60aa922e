#pragma once

#include <stop_token>

#include "hub/http.h"
#include "hub/settings.h"

namespace ddim::engine::hub {

/// Decides whether and when to try again after a failure.
class Retry {
 public:
  Retry(const Patience& patience, std::stop_token stop)
      : patience_(patience), stop_(std::move(stop)) {}

  /// Something succeeded: starts counting failures again.
  void progress() { num_failures_ = 0; }
  /// Waits until it is time to try again: 1, 2, 4 ... seconds, or what the server asked for.
  /// Error(io) with the failure's message when there have been too many in a row,
  /// Error(interrupted) when a stop is requested meanwhile.
  void wait_after(const TransientFailure& failure);

 private:
  Patience patience_;
  std::stop_token stop_;
  int num_failures_ = 0;
};

/// Calls `work` until it succeeds, and returns what it returns.
template <class Work>
auto with_retries(Retry retry, const Work& work) {
  for (;;) {
    try {
      return work();
    } catch (const TransientFailure& failure) {
      retry.wait_after(failure);
    }
  }
}

}  // namespace ddim::engine::hub
