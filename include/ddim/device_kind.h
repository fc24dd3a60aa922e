#pragma once

#include "ddim/names.h"

namespace ddim {

/// Where the network runs.
enum class DeviceKind {
  cpu,        ///< optimised kernels
  reference,  ///< plain loops, very slow: what the others are tested against
  cuda,       ///< the first NVIDIA GPU, by libddim_cuda.so (docs/gpu.md)
};

template <>
struct Names<DeviceKind> {
  static constexpr Named<DeviceKind> kAll[] = {
      {DeviceKind::cpu, "cpu"}, {DeviceKind::reference, "reference"}, {DeviceKind::cuda, "cuda"}};
  static constexpr std::span<const Named<DeviceKind>> all() { return kAll; }
};

}  // namespace ddim
