#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace ddim::engine {

/// Threads for many loops that take microseconds each: of the team's own, or guests that come and
/// go. After a loop, they look for the next one for a moment before they sleep. No thread waits for
/// one that the system does not run: running threads take all remaining items, so a busy machine
/// costs no more than its share of the time. One caller at a time. A body must not call its team.
/// When a body throws, for_each() throws the first of what was thrown, once no thread is in a body;
/// other items may be left out then.
class ThreadTeam {
 public:
  enum class Others {
    own,    ///< start with the first loop that has work for them
    guests  ///< are whoever calls help(), between open() and close()
  };

  /// A team of at most `size` threads (>= 1), including the caller's.
  explicit ThreadTeam(int size, Others others = Others::own);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(ranges_.size()); }
  /// Those of them that are there now, for how finely a loop is divided; guests come and go also
  /// between this call and the loop.
  int num_present() const {
    return others_ == Others::own ? size() : 1 + num_guests_.load(std::memory_order_relaxed);
  }

  /// The caller of for_each() is about to call it many times: guests stay.
  void open();
  /// Guests leave, and who comes leaves at once, until the next open().
  void close();
  /// Helps as the guest `thread`, 1..size()-1, until close(). No other may be that one meanwhile.
  void help(int thread);

  /// Calls body(thread, item) once for every item in 0..num_items-1 (below 2^32). thread is
  /// 0..size()-1, and two calls with the same thread never overlap. Each thread begins with its own
  /// contiguous part, which is the same in every loop with this number of items, so that data stays
  /// near its core; then it helps the others. The result of an item must not depend on the thread.
  template <class Body>
  void for_each(std::int64_t num_items, const Body& body) {
    if (num_present() == 1 || num_items <= 1) {
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
  void start_threads();
  void work_until_closed(int thread);
  /// Takes items, first from its own range, until there are none left. Returns their number.
  std::uint32_t take_items(int thread) noexcept;
  void keep_failure() noexcept;

  Others others_;
  std::vector<Range> ranges_;
  Loop loop_;                                      ///< read only by threads that hold an item
  std::atomic<std::uint32_t> num_unfinished_ = 0;  ///< items of the loop; counted down in groups
  std::atomic<std::uint32_t> num_loops_ = 0;       ///< sleepers wait for it to change
  std::atomic<bool> closed_;
  std::atomic<int> num_guests_ = 0;
  std::atomic<bool> has_failed_ = false;  ///< a body of the loop has thrown
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  ///< last: they join before the rest goes
};

}  // namespace ddim::engine
