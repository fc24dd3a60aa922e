#pragma once

#include <ddim/ranks.h>

#include <functional>

#include "command_line.h"

namespace ddim::cli {

/// --comm-timeout, --log-all-ranks: of the commands that several processes of mpirun or srun run
/// together.
class RankFlags {
 public:
  void add_to(Command command);
  static constexpr const char* kMark = "--comm-timeout";  ///< what tells these commands from others

  /// With the processes of a launcher, or with those that join.
  Sharing sharing(const Ranks& ranks, bool join) const {
    return {.join = join, .timeout_seconds = options_.timeout_seconds, .ranks = ranks};
  }
  bool log_all_ranks() const { return log_all_ranks_; }
  /// Calls `work` with the ranks that a launcher started, and leaves them. What goes wrong in one
  /// of several is printed, with its number, and ends the processes of all.
  void run(const std::function<void(const Ranks&)>& work) const;

 private:
  RanksOptions options_;
  bool log_all_ranks_ = false;
};

/// What is wrong for all ranks is to be printed once: returns at once in the first, and after a
/// moment in the others, which the first has ended by then.
void let_the_first_speak(int rank);

}  // namespace ddim::cli
