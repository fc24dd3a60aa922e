#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/thread_team.h"
#include "tensor/device.h"

namespace ddim::engine {

/// Threads that share out the items of a task, each on a device of its own, so that none waits for
/// another inside an item. A thread that finds no item left, or has no device, helps in the ops of
/// one that is still at work. The result of an item depends on none of this, because what ops
/// compute does not depend on the number of threads.
class Crew {
 public:
  /// The first `num_workers` of `num_threads` threads (both >= 1) have a worker of `device`; more
  /// workers than threads there cannot be.
  Crew(const Device& device, int num_workers, int num_threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  const std::vector<Device>& workers() const { return workers_; }
  int num_threads() const { return num_threads_; }

  /// Calls task(worker, item) for every item in 0..num_items-1, worker being one of workers(). The
  /// next free worker gets the next item. After an exception, no further items begin; when all
  /// workers have stopped, the first exception is rethrown here. One caller at a time.
  using Task = std::function<void(const Device& worker, std::int64_t item)>;
  void run(std::int64_t num_items, const Task& task);

 private:
  /// What is known of a worker's thread.
  struct Post {
    std::shared_ptr<ThreadTeam> team;
    bool is_busy = false;
    std::vector<bool> guests;  ///< which of the team's threads are there, its own at 0
  };

  void start_threads();
  void work_until_stopped(int thread);
  /// Does the next thing that there is for `thread`, or waits until there may be something.
  void take_turn(int thread, std::unique_lock<std::mutex>& lock);
  void take_items(int thread, std::unique_lock<std::mutex>& lock);
  /// Of the busy ones with room for a guest, that with the fewest; null if there is none.
  Post* post_to_help();
  void help(Post& post, std::unique_lock<std::mutex>& lock);

  int num_threads_;
  std::vector<Device> workers_;

  std::mutex mutex_;  ///< of all that follows
  std::condition_variable changed_;
  std::vector<Post> posts_;  ///< of each worker
  const Task* task_ = nullptr;
  std::int64_t next_item_ = 0;
  std::int64_t num_items_ = 0;
  int num_busy_ = 0;
  std::exception_ptr failure_;
  bool is_stopped_ = false;
  std::vector<std::jthread> threads_;  ///< last: they join before the rest goes
};

}  // namespace ddim::engine
