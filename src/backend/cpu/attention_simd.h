#pragma once

#include <cstdint>

/// The parts of attention between the matrix products, one row of n scores at a time.
namespace ddim::engine::cpu::simd {

/// scores[j] = exp(scale scores[j]) / sum_j exp(scale scores[j]); returns the sum's logarithm. NaN
/// among the scores makes the whole row NaN.
float softmax(float scale, float* scores, std::int64_t n);

/// With p[j] = exp(scale scores[j] - log_sum_exp) and dscores holding the gradient of p, in place:
///   dscores[j] <- scale p[j] (dscores[j] - sum_i p[i] dscores[i]),  scores[j] <- p[j].
void softmax_backward(float scale, float log_sum_exp, float* scores, float* dscores,
                      std::int64_t n);

}  // namespace ddim::engine::cpu::simd
