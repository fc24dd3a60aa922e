#pragma once

#include <cstdint>
#include <functional>

namespace ddim::engine {

/// The number of threads that options mean: 0 is one per processor. Error(user) below 0.
int num_threads_of(int threads);

/// Calls task(worker, item) for every item in 0..num_items-1 on `num_workers` threads, including
/// the caller's; worker is 0..num_workers-1. The next free worker gets the next item, so the result
/// of an item must not depend on the worker. After an exception, no further items begin; when all
/// workers have stopped, the first exception is rethrown here.
void run_workers(int num_workers, std::int64_t num_items,
                 const std::function<void(int worker, std::int64_t item)>& task);

}  // namespace ddim::engine
