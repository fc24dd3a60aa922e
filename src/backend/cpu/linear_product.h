#pragma once

#include "tensor/kernels.h"

namespace ddim::engine::cpu {

class Engine;

/// Columns of a matrix that lie in one of their own, with dense rows.
struct InputColumns {
  const float* data = nullptr;
  std::int64_t count = 0;
};
struct OutputColumns {
  float* data = nullptr;  ///< null: nobody wants them
  std::int64_t count = 0;
  Write write = Write::overwrite;
};

/// y [M,columns] = x [M,k] B + bias + residual, or y += that, with products in the engine's
/// precision, B being a weight [C_out,K] (or [C_out,K,1,1]) or its transpose. A row of y depends on
/// its row of x alone, bit for bit: not on how x and y are divided.
struct LinearProduct {
  const float* x = nullptr;
  InputColumns x_right = {};  ///< the last columns of x, where they are apart from the others
  std::int64_t num_rows = 0;  ///< M
  const Tensor& weight;       ///< a parameter: packed once
  /// forward: B = weight^T, x [M,K]. backward_input: B = weight, and x stands for dy [M,C_out].
  Pass pass = Pass::forward;
  const float* bias = nullptr;      ///< [columns]; or null
  const float* residual = nullptr;  ///< [M,columns], may be y; or null
  Write write = Write::overwrite;
  float* y = nullptr;
  /// The last columns of y, where they are apart; then y may be null, and nothing is added.
  OutputColumns y_right = {};
};
void linear_product(Engine& engine, const LinearProduct& product);

/// Rows of x and dy that linear_weight_gradient() takes at a time.
std::int64_t weight_gradient_rows(const Engine& engine);

/// Columns first_column .. of dweight [C_out,K] (or [C_out,...], as many numbers for each output) =
/// or += dy^T x, as many as x [M,count] has: dy [M,C_out]. In bf16 only
/// where Engine::multiplies_tiles().
void linear_weight_gradient(Engine& engine, const InputColumns& x, const float* dy,
                            std::int64_t num_rows, std::int64_t first_column, Grad dweight);

}  // namespace ddim::engine::cpu
