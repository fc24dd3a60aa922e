#pragma once

#include "tensor/kernels.h"

namespace ddim::cpu {

class Engine;

/// Which matrix a weight [C_out,K] (or [C_out,K,1,1]) is.
enum class WeightRole {
  transposed,  ///< y = x weight^T: x [M,K]
  as_it_is,    ///< dx = dy weight: x stands for dy [M,C_out]
};

/// y [M,columns] = x [M,k] B + bias + residual, or y += that, with products in the engine's
/// precision. A row of y depends on its row of x alone, bit for bit.
struct LinearProduct {
  const float* x = nullptr;
  std::int64_t num_rows = 0;  ///< M
  const Tensor& weight;       ///< a parameter: packed once
  WeightRole role = WeightRole::transposed;
  const float* bias = nullptr;      ///< [columns]; or null
  const float* residual = nullptr;  ///< [M,columns], may be y; or null
  Write write = Write::overwrite;
  float* y = nullptr;
};
void linear_product(Engine& engine, const LinearProduct& product);

/// dweight [C_out,K] = or += dy^T x: x [M,K], dy [M,C_out]. In fp32 also where other products are
/// bf16: what Adam adds up over thousands of steps.
void linear_weight_gradient(Engine& engine, const float* x, const float* dy, std::int64_t num_rows,
                            Grad dweight);

}  // namespace ddim::cpu
