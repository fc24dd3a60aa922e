#pragma once

#include "ddim/names.h"

namespace ddim {

/// What a network may keep beside its weights. Does not affect results.
enum class MemoryUse {
  normal,  ///< also keeps transformed weights of 3x3 convolutions: up to four times the size of
           ///< those weights, and at most 0.7 GB
  low,     ///< transforms them again in each call, which takes a little longer
};

template <>
struct Names<MemoryUse> {
  static constexpr Named<MemoryUse> kAll[] = {{MemoryUse::normal, "normal"},
                                              {MemoryUse::low, "low"}};
  static constexpr std::span<const Named<MemoryUse>> all() { return kAll; }
};

}  // namespace ddim
