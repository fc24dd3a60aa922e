#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"

namespace ddim::engine::comm {

/// The launcher of Open MPI.
inline constexpr const char* kMpirun = "mpirun";

/// What the environment says of the launcher that started this process.
struct Launch {
  std::string launcher;  ///< "mpirun", for messages
  int rank = 0;
  std::optional<int> size = {};  ///< nothing where the launcher does not say it
};

/// Nothing for a process by itself, and where DDIM_MPI_LIBRARY=none says that every process is to
/// be one. Error(user) when a variable of a launcher is no number.
std::optional<Launch> launch_of_environment();

/// Where libddim_mpi.so is looked for: as DDIM_MPI_LIBRARY says, or else beside the program or the
/// library that holds this code, and in the folder of libraries that they were installed with.
std::vector<std::filesystem::path> places_of_mpi_library();

struct JoinOptions {
  /// When no sign of life comes from a rank for so long, all processes end. Signs come from a
  /// thread of their own: a rank that computes, reads or writes is alive.
  double timeout_seconds = 60.0;
};

/// The ranks that a launcher started together with this process, or this process alone.
/// Error(user) when a launcher started several and MPI cannot be reached, because then each would
/// do all the work, into the same files. Once in a process: MPI cannot begin again.
std::unique_ptr<Communicator> join_ranks(const JoinOptions& options = {});

}  // namespace ddim::engine::comm
