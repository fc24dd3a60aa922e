#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace ddim::engine {

/// The processors that a process may use (0: this one), whatever others the machine has. Empty
/// where there is no such process.
std::vector<int> processors_allowed(pid_t process = 0);

/// SLURM_CPUS_PER_TASK where it is set, otherwise 0.
int processors_per_task();

/// The number of threads that options mean: 0 is one for each processor that this process may use,
/// and no more than Slurm gave it. Error(user) below 0.
int num_threads_of(int threads);

/// Calls task(item) for every item in 0..num_items-1 on `num_workers` threads, including the
/// caller's. The next free one gets the next item. After an exception, no further items begin; when
/// all workers have stopped, the first exception is rethrown here.
void run_workers(int num_workers, std::int64_t num_items,
                 const std::function<void(std::int64_t item)>& task);

}  // namespace ddim::engine
