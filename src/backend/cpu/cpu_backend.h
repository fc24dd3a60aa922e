#pragma once

#include <memory>

#include <ddim/memory_use.h>
#include <ddim/precision.h>
#include "tensor/device.h"

namespace ddim::engine {

/// A backend for CPUs, x86 or aarch64, whose ops use `num_threads` threads (>= 1). Throws
/// Error(user) when the processor or DDIM_ISA is not one that it knows; see backend/cpu/isa.h.
std::unique_ptr<Device::Backend> make_cpu_backend(int num_threads,
                                                  Precision precision = Precision::fp32,
                                                  MemoryUse memory_use = MemoryUse::normal);

}  // namespace ddim::engine
