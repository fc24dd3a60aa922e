#include "backend/cpu/simd_dispatch.h"

#include <hwy/targets.h>

#include <cstdint>

namespace ddim::engine::cpu {
namespace {

std::int64_t targets_above(Isa isa) {
  switch (isa) {  // better targets have lower bits
    case Isa::neon:
      return HWY_NEON - 1;
    case Isa::sse4:
      return HWY_SSE4 - 1;
    case Isa::avx2:
      return HWY_AVX2 - 1;
    case Isa::avx512:
    case Isa::avx512_bf16:
    case Isa::amx_bf16:
      return HWY_AVX3 - 1;
  }
  return 0;
}

}  // namespace

void cap_highway_targets(Isa isa) {
  [[maybe_unused]] static const bool capped = [isa] {
    hwy::DisableTargets(targets_above(isa));
    return true;
  }();
}

Isa highway_isa() {
  const std::int64_t targets = hwy::SupportedTargets();
  if ((targets & HWY_NEON) != 0) return Isa::neon;
  if ((targets & HWY_AVX3) != 0) return Isa::avx512;
  return (targets & HWY_AVX2) != 0 ? Isa::avx2 : Isa::sse4;
}

}  // namespace ddim::engine::cpu
