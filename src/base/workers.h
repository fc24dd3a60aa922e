#pragma once

#include <cstdint>
#include <functional>

namespace ddim {

/// The number of threads that options mean: 0 is one per processor. Error(user) below 0.
int num_threads_of(int threads);

/// Calls task(worker, item) for every item in 0..num_items-1 on `num_workers` threads, the caller's
/// among them; worker is 0..num_workers-1. Which worker gets which item is unspecified (the next
/// free one), so what an item computes must not depend on it. The first exception is rethrown here
/// after all have stopped; items not begun by then are left out.
void run_workers(int num_workers, std::int64_t num_items,
                 const std::function<void(int worker, std::int64_t item)>& task);

}  // namespace ddim
