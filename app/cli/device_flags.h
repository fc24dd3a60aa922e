#pragma once

#include <ddim/model.h>

#include "choice_flag.h"

namespace ddim::cli {

/// --no-verify
class NoVerifyFlag {
 public:
  Option add_to(Command command) {
    return command.add_flag(
        "--no-verify", skip_,
        "Take weights as they are, without comparing them with the digests that their files carry");
  }
  Verification value() const { return skip_ ? Verification::skip : Verification::check; }

 private:
  bool skip_ = false;
};

/// --precision fp32|bf16|bf16x3, --memory normal|low
class PrecisionFlags {
 public:
  void add_to(Command command) {
    precision_
        .add_to(command, "--precision",
                "Precision of products: fp32; bf16 (8-bit mantissa), which is faster on AMD's "
                "processors from Zen 4 on, on Intel's with AMX and on GPUs, and slower on others: "
                "the relative error of eps is then about 1e-2; or bf16x3, as exact as fp32, on the "
                "tensor cores of --device cuda")
        .envname("DDIM_PRECISION");
    memory_use_
        .add_to(command, "--memory",
                "Memory use: normal, or low (transform weights again in each call), which needs "
                "less memory and a little more time; does not affect the result")
        .envname("DDIM_MEMORY");
  }
  Precision precision() const { return precision_.value(); }
  MemoryUse memory_use() const { return memory_use_.value(); }

 private:
  ChoiceFlag<Precision> precision_;
  ChoiceFlag<MemoryUse> memory_use_;
};

/// --device cpu|reference|cuda
class DeviceFlag {
 public:
  void add_to(Command command) {
    kind_
        .add_to(command, "--device",
                "Device: cpu; cuda (an NVIDIA GPU, where libddim_cuda.so was built; so far tested "
                "in emulation only); or reference (simple loops for comparison, hundreds of times "
                "slower)")
        .envname("DDIM_DEVICE");
  }
  DeviceKind value() const { return kind_.value(); }

 private:
  ChoiceFlag<DeviceKind> kind_;
};

/// All of them but --no-verify.
class DeviceFlags {
 public:
  void add_to(Command command) {
    kind_.add_to(command);
    precision_.add_to(command);
  }
  LoadOptions options() const {
    return {.device = kind_.value(),
            .precision = precision_.precision(),
            .memory_use = precision_.memory_use()};
  }

 private:
  DeviceFlag kind_;
  PrecisionFlags precision_;
};

}  // namespace ddim::cli
