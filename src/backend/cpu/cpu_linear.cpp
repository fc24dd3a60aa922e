#include "backend/cpu/column_sums.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/linear_product.h"

namespace ddim::engine::cpu {

void CpuKernels::linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  linear_product(*engine_, {.x = x.data<float>(),
                            .num_rows = x.dim(0),
                            .weight = weight,
                            .bias = bias.data_or_null<float>(),
                            .y = y.data<float>()});
}

void CpuKernels::linear_backward(const Tensor& x, const Tensor& weight, const Tensor& dy, Grad dx,
                                 Grad dweight, Grad dbias) {
  const std::int64_t M = x.dim(0);
  if (dx) {
    linear_product(*engine_, {.x = dy.data<float>(),
                              .num_rows = M,
                              .weight = weight,
                              .pass = Pass::backward_input,
                              .write = dx.write,
                              .y = dx.tensor.data<float>()});
  }
  if (dweight) {
    linear_weight_gradient(*engine_, {.data = x.data<float>(), .count = x.dim(1)}, dy.data<float>(),
                           M, /*first_column=*/0, dweight);
  }
  if (dbias) column_sums(team(), dy.data<float>(), M, weight.dim(0), dbias);
}

}  // namespace ddim::engine::cpu
