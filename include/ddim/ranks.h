#pragma once

#include <memory>

#include "ddim/export.h"

namespace ddim {

namespace engine::comm {
class Communicator;
}

/// How processes join.
struct RanksOptions {
  /// When one of the processes is dead or does not run for so long, the others end, with exit code
  /// 5. From a second to a day.
  double timeout_seconds = 60.0;
};

/// The processes that a launcher of MPI (mpirun, srun) started together, of which this is one: rank
/// rank() of size(). They work on one thing together when all call the same functions with this in
/// the options; files are read and written by rank 0, and the others need no more than the options
/// that say so. A process that leaves in another way than by leave() ends the others.
class DDIM_API Ranks {
 public:
  /// A process by itself.
  Ranks() = default;
  /// As the environment says: this process by itself where no launcher, or one of a single process,
  /// started it. MPI is opened only otherwise, from libddim_mpi.so. Once in a process. Error(user)
  /// when the library cannot be opened, when the MPI of the launcher is another one, and for a
  /// timeout that is out of range.
  static Ranks join(const RanksOptions& options = {});
  /// The rank that a launcher gave this process, known before join(); 0 for one by itself.
  static int launched_rank();
  /// How many processes a launcher started, known before join(); 1 for one by itself or where the
  /// launcher does not say it.
  static int launched_size();

  int rank() const;  ///< from 0 on
  int size() const;  ///< how many there are
  /// Whether this one reads and writes.
  bool is_first() const { return rank() == 0; }
  /// At the end, by all ranks, when each has done what it had to.
  void leave();
  /// Ends the processes of all ranks, this one with `exit_code`.
  [[noreturn]] void abort(int exit_code) const;

  /// For ddim itself. Null for a process by itself.
  const std::shared_ptr<engine::comm::Communicator>& communicator() const { return communicator_; }

 private:
  std::shared_ptr<engine::comm::Communicator> communicator_;
};

/// With which other processes a long piece of work is shared. It is cut into blocks, which are kept
/// in a folder that all of them see; which process computes which block makes no difference to the
/// result.
struct Sharing {
  /// With all that make the same call, with the same options and the same folder, on any machine
  /// that sees it: they may come and go at any time, and a stopped call is made again to go on. The
  /// block of a process that ended is computed by another one. A small file stays in the folder, by
  /// which who comes later sees that all is done: remove it when nobody will.
  bool join = false;
  double timeout_seconds = 60.0;  ///< of silence, after which a process that joined counts as gone
  /// With these, in the same way; nothing but the result stays.
  Ranks ranks = {};

  /// Whether there may be other processes.
  bool is_shared() const { return join || ranks.size() > 1; }
};

}  // namespace ddim
