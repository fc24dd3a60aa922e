#pragma once

#include "ddim/names.h"

namespace ddim {

/// Where the network runs.
enum class DeviceKind {
  cpu,        ///< optimised kernels
  reference,  ///< plain loops, very slow: what `cpu` is tested against
};

template <>
struct Names<DeviceKind> {
  static constexpr Named<DeviceKind> kAll[] = {{DeviceKind::cpu, "cpu"},
                                               {DeviceKind::reference, "reference"}};
  static constexpr std::span<const Named<DeviceKind>> all() { return kAll; }
};

}  // namespace ddim
