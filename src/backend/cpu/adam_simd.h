#pragma once

#include <cstdint>

#include "tensor/kernels.h"

namespace ddim::engine::cpu::simd {

/// AdamUpdate on n consecutive floats. ema may be null.
void adam(const AdamUpdate& update, const float* grad, float* parameter, float* m, float* v,
          float* ema, std::int64_t n);

}  // namespace ddim::engine::cpu::simd
