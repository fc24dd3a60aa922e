#pragma once

#include <ddim/memory_use.h>

#include "choice_flag.h"

namespace ddim::cli {

/// --memory normal|low
class MemoryFlag {
 public:
  void add_to(Command command) {
    memory_use_
        .add_to(command, "--memory",
                "normal, or low: transformed weights of convolutions are made anew in each call, "
                "which takes half the memory and a little longer; never changes the result")
        .envname("DDIM_MEMORY");
  }
  MemoryUse value() const { return memory_use_.value(); }

 private:
  ChoiceFlag<MemoryUse> memory_use_{{{"normal", MemoryUse::normal}, {"low", MemoryUse::low}}};
};

}  // namespace ddim::cli
