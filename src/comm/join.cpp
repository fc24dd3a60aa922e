#include "comm/join.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/environment.h"
#include "base/error.h"
#include "comm/mpi_communicator.h"
#include "comm/mpi_functions.h"

namespace ddim::engine::comm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibraryVariable = "DDIM_MPI_LIBRARY";
constexpr const char* kNone = "none";

std::string variable(const char* name) {
  return name == nullptr ? "" : environment(name).value_or("");
}

int number_of(const char* name) {
  const std::string text = variable(name);
  char* end = nullptr;
  const long number = std::strtol(text.c_str(), &end, 10);
  require(!text.empty() && *end == '\0' && number >= 0 && number <= 1'000'000, name, "=", text,
          ": a launcher of MPI sets it to a number; unset it for a process by itself");
  return static_cast<int>(number);
}

/// Variables that a launcher sets for the processes that it starts, and only for them: in a batch
/// script, Slurm sets SLURM_NTASKS and SLURM_PROCID, too. Slurm's come late: a shell or a daemon
/// that srun started hands them on to what mpiexec starts there.
struct Variables {
  const char* launcher;
  const char* rank;
  const char* size;
};
constexpr std::array kLaunchers{Variables{kMpirun, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                Variables{"a launcher of PMI", "PMI_RANK", "PMI_SIZE"},
                                Variables{"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
                                Variables{"a launcher of PMIx", "PMIX_RANK", nullptr}};

const ddim_mpi_functions& open_library(const Launch& launch) {
  const std::string processes =
      launch.size ? concat(*launch.size, " processes") : std::string("this process");
  std::string tried;
  for (const fs::path& place : places_of_mpi_library()) {
    // Global: parts of MPI that are opened later look for its names.
    void* library = ::dlopen(place.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
      const char* reason = ::dlerror();
      tried += concat("\n  ", reason == nullptr ? place.string() : reason);
      continue;
    }
    using Get = const ddim_mpi_functions* (*)();
    const auto get = reinterpret_cast<Get>(::dlsym(library, "ddim_mpi"));
    require(get != nullptr, place.string(), ": not the library by which ddim uses MPI");
    const ddim_mpi_functions& functions = *get();
    require(functions.interface_number == kMpiInterface, place.string(),
            ": made for another version of ddim (its interface is ", functions.interface_number,
            ", that of this program ", kMpiInterface, "); build it again");
    return functions;
  }
  fail(ErrorCode::user, launch.launcher, " started ", processes,
       " that are to work together, but libddim_mpi.so, by which ddim uses MPI, cannot be opened:",
       tried, "\nInstall the package ddim-mpi, or build ddim where MPI is (apt-get install ",
       "libopenmpi-dev), or name the library with ", kLibraryVariable, "; ", kLibraryVariable, "=",
       kNone, " lets each process work for itself");
}

}  // namespace

std::optional<Launch> launch_of_environment() {
  if (variable(kLibraryVariable) == kNone) return std::nullopt;
  for (const Variables& names : kLaunchers) {
    if (variable(names.rank).empty()) continue;
    if (names.size != nullptr && variable(names.size).empty()) continue;
    Launch launch{.launcher = names.launcher, .rank = number_of(names.rank)};
    if (names.size != nullptr) launch.size = number_of(names.size);
    return launch;
  }
  return std::nullopt;
}

std::vector<fs::path> places_of_mpi_library() {
  const char* name = "libddim_mpi.so";
  if (const std::string named = variable(kLibraryVariable); !named.empty()) return {named};
  std::vector<fs::path> places;
  const auto add = [&](const fs::path& folder) {
    const fs::path place = (folder / name).lexically_normal();
    if (std::ranges::find(places, place) == places.end()) places.push_back(place);
  };
  std::error_code unknown;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  if (!program.empty()) {
    add(program.parent_path());
    add(program.parent_path() / DDIM_PLUGINS_OF_PROGRAM);
  }
  Dl_info code{};
  if (::dladdr(reinterpret_cast<const void*>(&places_of_mpi_library), &code) != 0) {
    const fs::path file = fs::weakly_canonical(code.dli_fname, unknown);
    if (file.has_parent_path() && file != program) {
      add(file.parent_path());
      add(file.parent_path() / "ddim");
    }
  }
  return places;
}

std::unique_ptr<Communicator> join_ranks(const JoinOptions& options) {
  const std::optional<Launch> launch = launch_of_environment();
  if (!launch || launch->size == 1) return make_single();
  std::unique_ptr<Communicator> ranks = join_by_mpi(open_library(*launch), *launch, options);
  if (ranks->size() > 1) return ranks;
  ranks->leave();  // the launcher had not said that there is one only
  return make_single();
}

}  // namespace ddim::engine::comm
