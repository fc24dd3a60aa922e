#pragma once

#include "backend/profiling.h"
#include "tensor/device.h"

namespace ddim {

enum class BackendKind { ref, cpu };

/// A device on this machine whose ops use `num_threads` threads (see Device::worker for several
/// workers). When `profile` is given, every op of the device and its workers is timed into it; it
/// must outlive them. Throws Error(user) when the machine lacks what the backend needs.
Device make_device(BackendKind kind, int num_threads = 1, Profile* profile = nullptr);

/// A device whose kernels do nothing and whose memory is only counted: run a network on it to learn
/// what its activations need (arena().peak_bytes()) before anything is allocated.
Device make_dry_device();

}  // namespace ddim
