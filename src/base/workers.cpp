#include "base/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <ddim/run_options.h>

#include "base/error.h"

namespace ddim::engine {

int num_threads_of(int threads) {
  require(threads >= 0 && threads <= kMaxThreads, "threads must be from 0 to ", kMaxThreads,
          "; got ", threads);
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void run_workers(int num_workers, std::int64_t num_items,
                 const std::function<void(int worker, std::int64_t item)>& task) {
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&](int worker) {
    try {
      for (std::int64_t item = next++; item < num_items; item = next++) task(worker, item);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      if (failure == nullptr) failure = std::current_exception();
      next = num_items;
    }
  };
  std::vector<std::jthread> threads;
  try {
    for (int worker = 1; worker < std::min<std::int64_t>(num_workers, num_items); ++worker)
      threads.emplace_back(work, worker);
  } catch (const std::exception&) {  // no thread or no memory: those that run do it all
  }
  work(0);
  threads.clear();
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace ddim::engine
