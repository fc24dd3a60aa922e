#include "base/thread_team.h"

#include <utility>

namespace ddim::engine {
namespace {

/// How often a thread looks before it sleeps: about 20 microseconds, a few times the cost of
/// waking.
constexpr int kLooks = 1000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Returns once `value` is no longer `old`.
void wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int i = 0; i < kLooks; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

std::uint64_t pack(std::uint64_t begin, std::uint64_t end) { return begin << 32 | end; }

/// Takes the first item of the range for the caller; -1 if none is left.
std::int64_t take_first(std::atomic<std::uint64_t>& items) {
  std::uint64_t range = items.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t begin = range >> 32;
    const std::uint64_t end = range & 0xffffffff;
    if (begin >= end) return -1;
    // No other comparison is necessary: as long as items are left, their loop is the one that runs.
    // Acquire: for_each() wrote the loop before it offered the items.
    if (items.compare_exchange_weak(range, pack(begin + 1, end), std::memory_order_acquire,
                                    std::memory_order_relaxed))
      return static_cast<std::int64_t>(begin);
  }
}

}  // namespace

ThreadTeam::ThreadTeam(int size, Others others)
    : others_(others), ranges_(static_cast<std::size_t>(size)), closed_(others == Others::guests) {}

ThreadTeam::~ThreadTeam() { close(); }

void ThreadTeam::open() { closed_.store(false, std::memory_order_relaxed); }

void ThreadTeam::close() {
  closed_.store(true, std::memory_order_relaxed);
  num_loops_.fetch_add(1, std::memory_order_release);
  num_loops_.notify_all();
}

void ThreadTeam::help(int thread) {
  num_guests_.fetch_add(1, std::memory_order_relaxed);
  work_until_closed(thread);
  num_guests_.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadTeam::start_threads() {
  try {
    for (int thread = 1; thread < size(); ++thread)
      threads_.emplace_back([this, thread] { work_until_closed(thread); });
  } catch (const std::exception&) {  // no thread or no memory: those that run do it all
  }
}

void ThreadTeam::run(std::int64_t num_items, const Loop& loop) {
  if (others_ == Others::own && threads_.empty()) start_threads();
  loop_ = loop;
  num_unfinished_.store(static_cast<std::uint32_t>(num_items), std::memory_order_relaxed);
  const auto n = static_cast<std::uint64_t>(num_items);
  // The ranges of those who are not there stay empty, as the last loop left them.
  const auto num_ranges = static_cast<std::uint64_t>(num_present());
  for (std::uint64_t i = 0; i < num_ranges; ++i)
    ranges_[i].items.store(pack(n * i / num_ranges, n * (i + 1) / num_ranges),
                           std::memory_order_release);
  num_loops_.fetch_add(1, std::memory_order_release);
  num_loops_.notify_all();
  const std::uint32_t done = take_items(0);
  std::uint32_t unfinished = num_unfinished_.fetch_sub(done, std::memory_order_acq_rel) - done;
  while (unfinished != 0) {
    wait_for_change(num_unfinished_, unfinished);
    unfinished = num_unfinished_.load(std::memory_order_acquire);
  }
  if (has_failed_.load(std::memory_order_relaxed)) {
    has_failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

void ThreadTeam::keep_failure() noexcept {
  const std::lock_guard lock(failure_mutex_);
  if (failure_ == nullptr) failure_ = std::current_exception();
  has_failed_.store(true, std::memory_order_relaxed);
}

void ThreadTeam::work_until_closed(int thread) {
  for (;;) {
    const std::uint32_t seen = num_loops_.load(std::memory_order_acquire);
    if (closed_.load(std::memory_order_relaxed)) return;
    const std::uint32_t done = take_items(thread);
    if (done != 0 && num_unfinished_.fetch_sub(done, std::memory_order_acq_rel) == done)
      num_unfinished_.notify_one();
    wait_for_change(num_loops_, seen);
  }
}

std::uint32_t ThreadTeam::take_items(int thread) noexcept {
  std::uint32_t count = 0;
  for (int i = 0; i < size(); ++i) {
    std::atomic<std::uint64_t>& items =
        ranges_[static_cast<std::size_t>((thread + i) % size())].items;
    for (std::int64_t item = take_first(items); item >= 0; item = take_first(items)) {
      ++count;
      if (has_failed_.load(std::memory_order_relaxed)) continue;
      try {
        loop_.call(loop_.body, thread, item);
      } catch (...) {
        keep_failure();
      }
    }
  }
  return count;
}

}  // namespace ddim::engine
