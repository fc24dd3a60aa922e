#pragma once

#include <memory>

#include "comm/communicator.h"
#include "comm/join.h"
#include "comm/mpi_functions.h"

namespace ddim::engine::comm {

/// join_ranks() by the functions of an MPI. Each rank sends a sign of life to the next one every
/// moment; the one that hears nothing for options.timeout_seconds says so on the standard error
/// stream and ends all processes, with exit code 5 (ErrorCode::io). Error(user) when MPI sees fewer
/// ranks than the launcher started.
std::unique_ptr<Communicator> join_by_mpi(const ddim_mpi_functions& mpi, const Launch& launch,
                                          const JoinOptions& options);

}  // namespace ddim::engine::comm
