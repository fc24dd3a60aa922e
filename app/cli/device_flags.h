#pragma once

#include <ddim/model.h>

#include "choice_flag.h"

namespace ddim::cli {

/// --precision fp32|bf16, --memory normal|low
class PrecisionFlags {
 public:
  void add_to(Command command) {
    precision_
        .add_to(command, "--precision",
                "fp32, or bf16: multiply in bfloat16 (8-bit mantissa), which is faster on "
                "processors with AVX-512 BF16; eps is then off by 1e-2 of its size")
        .envname("DDIM_PRECISION");
    memory_use_
        .add_to(command, "--memory",
                "normal, or low: recompute transformed weights in each call; needs less memory, "
                "takes a little longer, does not affect the result")
        .envname("DDIM_MEMORY");
  }
  Precision precision() const { return precision_.value(); }
  MemoryUse memory_use() const { return memory_use_.value(); }

 private:
  ChoiceFlag<Precision> precision_;
  ChoiceFlag<MemoryUse> memory_use_;
};

/// --device cpu|reference, and the flags above.
class DeviceFlags {
 public:
  void add_to(Command command) {
    kind_
        .add_to(command, "--device",
                "cpu, or reference: simple loops for comparison, hundreds of times slower")
        .envname("DDIM_DEVICE");
    precision_.add_to(command);
  }
  LoadOptions options() const {
    return {.device = kind_.value(),
            .precision = precision_.precision(),
            .memory_use = precision_.memory_use()};
  }

 private:
  ChoiceFlag<DeviceKind> kind_;
  PrecisionFlags precision_;
};

}  // namespace ddim::cli
