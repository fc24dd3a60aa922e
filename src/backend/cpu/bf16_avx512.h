#pragma once

#include <cstdint>

namespace ddim::cpu::bf16 {

/// multiply() by the instructions of AVX-512 BF16, which the processor must have: `a` and `b` are
/// pairs of bf16.
void multiply_avx512(const void* a, const void* b, std::int64_t num_rows, std::int64_t num_pairs,
                     float* c);

}  // namespace ddim::cpu::bf16
