#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace ddim::engine::comm {

/// What tells this machine, as it runs since it was started, from others of its name: "node7/..."
std::string name_of_machine();
/// The same and the space of process numbers: a container has its own.
std::string name_of_process_space();

/// The machine and the processors that this process may use: "node7/... 0,1,2,3".
std::string processors_of_this_process();

/// What tells a process from all others, also later ones: process space, number and when it began,
/// "node7/... 1234 567890". Empty where there is no such process here.
std::string identity_of_process(pid_t process);

/// The threads of this process that wait for the system in a way that nothing interrupts (as for a
/// disk that does not answer), and how long and how often each has run: while one stays in such a
/// wait, that is the same.
std::map<std::string, std::string> uninterruptible_threads();

/// How many threads `rank` should have, given processors_of_this_process() of all: a processor that
/// several ranks of a machine may use is shared by them evenly. At least 1, and at most `limit`
/// where that is not 0.
int threads_of_rank(const std::vector<std::string>& processors, int rank, int limit);

/// How many processors the ranks of rank 0's machine may use together, given the same.
int processors_of_first_machine(const std::vector<std::string>& processors);

/// Where the ranks of a machine may use at most half of the processors that their launcher has,
/// which binds processes to a core each unless it is told otherwise: how to tell it. Else empty.
std::string advice_on_binding(int processors_of_ranks, int processors_of_launcher);

}  // namespace ddim::engine::comm
