#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace ddim::engine {

/// Threads for many loops that take microseconds each. After a loop, they look for the next one for
/// a moment before they sleep. No thread waits for one that the system does not run: running
/// threads take all remaining items, so a busy machine costs no more than its share of the time.
/// One caller at a time. A body must not call its team. When a body throws, for_each() throws the
/// first of what was thrown, once no thread is in a body; other items may be left out then.
class ThreadTeam {
 public:
  /// A team of `size` threads (>= 1), including the caller's. The others start with the first loop
  /// that has work for them.
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(ranges_.size()); }

  /// Calls body(thread, item) once for every item in 0..num_items-1 (below 2^32). thread is
  /// 0..size()-1, and two calls with the same thread never overlap. Each thread begins with its own
  /// contiguous part, which is the same in every loop with this number of items, so that data stays
  /// near its core; then it helps the others. The result of an item must not depend on the thread.
  template <class Body>
  void for_each(std::int64_t num_items, const Body& body) {
    if (size() == 1 || num_items <= 1) {
      for (std::int64_t item = 0; item < num_items; ++item) body(0, item);
      return;
    }
    run(num_items,
        {.call = [](const void* loop, int thread,
                    std::int64_t item) { (*static_cast<const Body*>(loop))(thread, item); },
         .body = &body});
  }

 private:
  struct Loop {
    void (*call)(const void* body, int thread, std::int64_t item) = nullptr;
    const void* body = nullptr;
  };
  /// Items that no thread has taken: the first in the upper half, the end in the lower. A whole
  /// cache line, so that threads that take from different ranges do not slow each other down.
  struct alignas(64) Range {
    std::atomic<std::uint64_t> items = 0;
  };

  void run(std::int64_t num_items, const Loop& loop);
  void work_until_stopped(int thread);
  /// Takes items, first from its own range, until there are none left. Returns their number.
  std::uint32_t take_items(int thread) noexcept;
  void keep_failure() noexcept;

  std::vector<Range> ranges_;
  Loop loop_;                                      ///< read only by threads that hold an item
  std::atomic<std::uint32_t> num_unfinished_ = 0;  ///< items of the loop; counted down in groups
  std::atomic<std::uint32_t> num_loops_ = 0;       ///< sleepers wait for it to change
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> has_failed_ = false;  ///< a body of the loop has thrown
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  ///< last: they join before the rest goes
};

}  // namespace ddim::engine
