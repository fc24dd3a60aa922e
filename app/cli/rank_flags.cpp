#include "rank_flags.h"

#include <fmt/core.h>

#include <chrono>
#include <thread>

#include "report.h"

namespace ddim::cli {

void RankFlags::add_to(Command command) {
  command
      .add_option(
          kMark, options_.timeout_seconds,
          "Under mpirun or srun: when a process is dead or does not run for so many seconds, "
          "the others end, with exit code 5")
      .show_default()
      .type_name("SECONDS")
      .within(1, 86400);
  command.add_flag("--log-all-ranks", log_all_ranks_,
                   "Under mpirun or srun: all processes say what they do, not only the first");
}

void RankFlags::run(const std::function<void(const Ranks&)>& work) const {
  Ranks ranks;
  try {
    ranks = Ranks::join(options_);
  } catch (...) {
    let_the_first_speak(Ranks::launched_rank());
    throw;
  }
  if (ranks.size() == 1) {
    work(ranks);
    return;
  }
  try {
    work(ranks);
    ranks.leave();
  } catch (...) {
    let_the_first_speak(ranks.rank());
    ranks.abort(report_current_exception(fmt::format("rank {}: ", ranks.rank())));
  }
}

void let_the_first_speak(int rank) {
  if (rank > 0) std::this_thread::sleep_for(std::chrono::seconds(5));
}

}  // namespace ddim::cli
