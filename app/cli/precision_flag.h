#pragma once

#include <ddim/precision.h>

#include "choice_flag.h"

namespace ddim::cli {

/// --precision fp32|bf16
class PrecisionFlag {
 public:
  void add_to(Command command) {
    precision_
        .add_to(
            command, "--precision",
            "fp32, or bf16: factors of products have 8 bits, which is faster where the processor "
            "multiplies them (AVX-512 BF16); eps is then off by 1e-2 of its size")
        .envname("DDIM_PRECISION");
  }
  Precision value() const { return precision_.value(); }

 private:
  ChoiceFlag<Precision> precision_{{{"fp32", Precision::fp32}, {"bf16", Precision::bf16}}};
};

}  // namespace ddim::cli
