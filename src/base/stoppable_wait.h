#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace ddim::engine {

/// How a std::jthread waits. To be made before the thread begins: making it takes memory, waiting
/// does not.
class StoppableWait {
 public:
  /// Waits so long, or until a stop is requested; whether it is.
  bool stopped_within(std::chrono::duration<double> time, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, stop, std::chrono::duration_cast<std::chrono::nanoseconds>(time),
                             [&stop] { return stop.stop_requested(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
};

}  // namespace ddim::engine
