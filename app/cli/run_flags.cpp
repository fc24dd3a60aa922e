#include "run_flags.h"

namespace ddim::cli {

void RunFlags::add_to(Command command) {
  model_.add_to(command).required();
  command.add_option("--batch", batch_, "How many are worked on at a time; never changes them")
      .envname("DDIM_BATCH")
      .show_default();
  command.add_option("--threads", threads_, "0: one per processor; never changes the result")
      .envname("DDIM_THREADS")
      .show_default();
  class_choice_.add_to(command);
  device_.add_to(command);
  command.add_flag("--json", json_, "Print the result as one JSON object");
  command.add_flag("--quiet", quiet_, "Show no progress");
}

}  // namespace ddim::cli
