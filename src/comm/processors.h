#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ddim::engine::comm {

/// The host's name and the processors that this process may use: "node7 0,1,2,3".
std::string processors_of_this_process();

std::string name_of_host();

/// What tells a process from all others, also later ones: host, number and when it began,
/// "node7 1234 567890". Empty where there is no such process here.
std::string identity_of_process(pid_t process);

/// How many threads `rank` should have, given processors_of_this_process() of all: a processor that
/// several ranks of a host may use is shared by them evenly. At least 1, and at most `limit` where
/// that is not 0.
int threads_of_rank(const std::vector<std::string>& processors, int rank, int limit);

/// SLURM_CPUS_PER_TASK where it is set, otherwise 0.
int processors_per_task();

}  // namespace ddim::engine::comm
