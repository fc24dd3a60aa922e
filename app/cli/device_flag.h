#pragma once

#include <ddim/model.h>

#include "choice_flag.h"
#include "memory_flag.h"
#include "precision_flag.h"

namespace ddim::cli {

/// --device cpu|reference, --precision fp32|bf16, --memory normal|low
class DeviceFlag {
 public:
  void add_to(Command command) {
    kind_
        .add_to(command, "--device",
                "cpu, or reference: plain loops to compare with, hundreds of times slower")
        .envname("DDIM_DEVICE");
    precision_.add_to(command);
    memory_use_.add_to(command);
  }
  LoadOptions options() const {
    return {.device = kind_.value(),
            .precision = precision_.value(),
            .memory_use = memory_use_.value()};
  }

 private:
  ChoiceFlag<DeviceKind> kind_{{{"cpu", DeviceKind::cpu}, {"reference", DeviceKind::reference}}};
  PrecisionFlag precision_;
  MemoryFlag memory_use_;
};

}  // namespace ddim::cli
