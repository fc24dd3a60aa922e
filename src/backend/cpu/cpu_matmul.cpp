#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/parallel.h"

namespace ddim::engine::cpu {
namespace {

simd::MatrixView view_of(const Factor& factor) {
  const std::int64_t columns = factor.matrix.dim(1);
  const float* const data = factor.matrix.data<float>();
  if (factor.transposed) return {.data = data, .row_stride = 1, .column_stride = columns};
  return {.data = data, .row_stride = columns, .column_stride = 1};
}

}  // namespace

void CpuKernels::matmul(const Factor& a, const Factor& b, Grad y) {
  if (!y) return;
  const std::int64_t M = a.rows();
  const std::int64_t K = a.columns();
  const std::int64_t num_columns = b.columns();
  const std::int64_t panels_size =
      simd::num_panels<float>(num_columns) * simd::panel_size<float>(K);
  auto* const panels = reinterpret_cast<float*>(
      engine_->workspace().get(static_cast<std::size_t>(panels_size + M * K) * sizeof(float)));
  simd::pack_panels(view_of(b), K, num_columns, panels);
  const simd::Product<float> product{.a = simd::left_factor(view_of(a), M, K, panels + panels_size),
                                     .panels = panels,
                                     .num_rows = M,
                                     .num_columns = num_columns,
                                     .K = K,
                                     .c = y.tensor.data<float>(),
                                     .c_row_stride = num_columns,
                                     .write = y.write};
  parallel_for(team(), simd::num_panels<float>(num_columns),
               [&](std::int64_t panel) { simd::multiply(product, panel, 1); });
}

}  // namespace ddim::engine::cpu
