#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "backend/make_device.h"

namespace ddim::test {

/// The devices that tests run on: make_device(), but `cuda` is the emulation of a GPU. Where the
/// environment variable DDIM_TEST_GPU is set, it is the GPU.
engine::Device device(DeviceKind kind, const engine::DeviceOptions& options = {});

/// The emulation with no more memory than this free at any time.
engine::Device emulated_gpu_with(std::size_t free_bytes);

/// Kernels, by their place in KernelId, that the emulation has not run in this process. None where
/// there is no emulation, or a GPU instead.
std::vector<int> kernels_never_run();

/// All of them that this build has.
std::vector<DeviceKind> device_kinds();
bool has_device(DeviceKind kind);

/// Devices that must give the same bits: with other numbers of threads, or with the threads of a
/// block in another order.
std::vector<engine::Device> devices_alike(DeviceKind kind, Precision precision);

/// "ref", "cpu", "cuda"
std::string name_of(DeviceKind kind);

}  // namespace ddim::test
