#pragma once

#include <ddim/device_kind.h>
#include <ddim/memory_use.h>
#include <ddim/precision.h>
#include "backend/profiling.h"
#include "tensor/device.h"

namespace ddim::engine {

struct DeviceOptions {
  int num_threads = 1;  ///< that its ops use; see Device::worker for several workers
  Precision precision = Precision::fp32;     ///< `ref` has fp32 only
  MemoryUse memory_use = MemoryUse::normal;  ///< `ref` packs nothing
  /// Every op of the device and its workers is timed into it; it must outlive them.
  Profile* profile = nullptr;
};

/// A device on this machine. Throws Error(user) when the machine or the backend lacks what is asked
/// for.
Device make_device(DeviceKind kind, const DeviceOptions& options);
inline Device make_device(DeviceKind kind, int num_threads = 1) {
  return make_device(kind, {.num_threads = num_threads});
}

/// A device whose kernels do nothing and whose memory is only counted: run a network on it to learn
/// what its activations need (arena().peak_bytes()) before anything is allocated.
/// The network keeps activations of this type.
Device make_dry_device(DType activations = DType::f32);

}  // namespace ddim::engine
