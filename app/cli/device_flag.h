#pragma once

#include <ddim/model.h>

#include "choice_flag.h"

namespace ddim::cli {

/// --device cpu|reference
class DeviceFlag {
 public:
  void add_to(CLI::App& command) {
    kind_
        .add_to(command, "--device",
                "cpu, or reference: plain loops to compare with, hundreds of times slower")
        ->envname("DDIM_DEVICE");
  }
  DeviceKind kind() const { return kind_.value(); }

 private:
  ChoiceFlag<DeviceKind> kind_{{{"cpu", DeviceKind::cpu}, {"reference", DeviceKind::reference}}};
};

}  // namespace ddim::cli
