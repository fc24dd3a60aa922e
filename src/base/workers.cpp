#include "base/workers.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <ddim/run_options.h>

#include "base/environment.h"
#include "base/error.h"

namespace ddim::engine {

std::vector<int> processors_allowed(pid_t process) {
  constexpr int kMost = 8192;
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> allowed(
      CPU_ALLOC(kMost), [](cpu_set_t* set) { CPU_FREE(set); });
  const std::size_t num_bytes = CPU_ALLOC_SIZE(kMost);
  CPU_ZERO_S(num_bytes, allowed.get());
  ::sched_getaffinity(process, num_bytes, allowed.get());
  std::vector<int> numbers;
  for (int number = 0; number < kMost; ++number)
    if (CPU_ISSET_S(static_cast<std::size_t>(number), num_bytes, allowed.get()))
      numbers.push_back(number);
  return numbers;
}

int processors_per_task() {
  const auto text = environment("SLURM_CPUS_PER_TASK");
  return text ? std::max(0, std::atoi(text->c_str())) : 0;
}

int num_threads_of(int threads) {
  require(threads >= 0 && threads <= kMaxThreads, "threads must be from 0 to ", kMaxThreads,
          "; got ", threads);
  if (threads > 0) return threads;
  // The library's own count goes by the machine's processors, also where this process has few.
  const int allowed = std::max(1, static_cast<int>(processors_allowed().size()));
  const int given = processors_per_task();
  return std::min(given > 0 ? std::min(allowed, given) : allowed, kMaxThreads);
}

void run_workers(int num_workers, std::int64_t num_items,
                 const std::function<void(std::int64_t item)>& task) {
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      for (std::int64_t item = next++; item < num_items; item = next++) task(item);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      if (failure == nullptr) failure = std::current_exception();
      next = num_items;
    }
  };
  std::vector<std::jthread> threads;
  try {
    for (int worker = 1; worker < std::min<std::int64_t>(num_workers, num_items); ++worker)
      threads.emplace_back(work);
  } catch (const std::exception&) {  // no thread or no memory: those that run do it all
  }
  work();
  threads.clear();
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace ddim::engine
