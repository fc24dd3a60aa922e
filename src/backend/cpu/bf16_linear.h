#pragma once

#include "backend/cpu/bf16.h"
#include "tensor/tensor.h"

namespace ddim::cpu {

class Engine;

/// Which matrix a weight [C_out,K] (or [C_out,K,1,1]) is.
enum class WeightRole {
  transposed,  ///< y = x weight^T: x [M,K]
  as_it_is,    ///< dx = dy weight: x stands for dy [M,C_out]
};

/// y [M,columns] = x [M,k] B + bias + residual, or y += that, with products in bf16. A row of y
/// depends on its row of x alone, bit for bit.
struct Bf16Linear {
  const float* x = nullptr;
  std::int64_t num_rows = 0;  ///< M
  const Tensor& weight;       ///< a parameter: packed once
  WeightRole role = WeightRole::transposed;
  const float* bias = nullptr;      ///< [columns]; or null
  const float* residual = nullptr;  ///< [M,columns], may be y; or null
  Write write = Write::overwrite;
  float* y = nullptr;
};
void bf16_linear(Engine& engine, const Bf16Linear& linear);

}  // namespace ddim::cpu
