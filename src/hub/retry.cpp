#include "hub/retry.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/error.h"

namespace ddim::engine::hub {

void Retry::wait_after(const TransientFailure& failure) {
  ++num_failures_;
  if (num_failures_ >= patience_.max_failures) {
    fail(ErrorCode::io, failure.what(), " (attempt ", num_failures_, " of ", patience_.max_failures,
         "; what has arrived is kept: run the command again to continue)");
  }
  std::chrono::milliseconds delay = patience_.first_delay * (1 << (num_failures_ - 1));
  if (failure.retry_after())
    delay = std::max<std::chrono::milliseconds>(delay, *failure.retry_after());
  delay = std::min(delay, patience_.max_delay);

  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop_, delay, [] { return false; });
  if (stop_.stop_requested())
    fail(ErrorCode::interrupted, "stopped; run the command again to continue");
}

}  // namespace ddim::engine::hub
