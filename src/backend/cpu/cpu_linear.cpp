#include <algorithm>

#include "backend/cpu/bf16_linear.h"
#include "backend/cpu/column_sums.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/parallel.h"

namespace ddim::cpu {
namespace {

/// weight [C_out,K] as the panels of its transpose, kept as long as the weight does not change.
std::shared_ptr<const dnnl::memory> packed_transpose(Engine& engine, const Tensor& weight) {
  const std::int64_t C_out = weight.dim(0);
  const std::int64_t K = weight.dim(1);
  const dnnl::memory::desc format({simd::num_panels(C_out), K, simd::panel_columns()},
                                  dnnl::memory::data_type::f32, dnnl::memory::format_tag::abc);
  return engine.packed_parameters().get(weight, format, engine.onednn(), [&](dnnl::memory& packed) {
    simd::pack_panels({.data = weight.data<float>(), .row_stride = 1, .column_stride = K}, K, C_out,
                      static_cast<float*>(packed.get_data_handle()));
  });
}

/// B [K, num_columns], dense rows, packed into the workspace.
const float* packed_rows(Engine& engine, const float* b, std::int64_t K, std::int64_t num_columns) {
  const std::int64_t size = simd::num_panels(num_columns) * simd::panel_columns() * K;
  auto* const panels = reinterpret_cast<float*>(
      engine.workspace().get(static_cast<std::size_t>(size) * sizeof(float)));
  simd::pack_panels({.data = b, .row_stride = num_columns}, K, num_columns, panels);
  return panels;
}

/// Rows of A that are multiplied with all panels before the next are: they and the panels of a
/// layer of 256 channels stay in the second-level cache.
constexpr std::int64_t kRowsPerBlock = 240;

/// The whole product, shared out among threads.
void multiply_in_parallel(ThreadTeam& team, const simd::Product& product) {
  const std::int64_t panels = simd::num_panels(product.num_columns);
  const std::int64_t blocks = (product.num_rows + kRowsPerBlock - 1) / kRowsPerBlock;
  parallel_for(team, blocks * panels, [&](std::int64_t item) {
    const std::int64_t first_row = item / panels * kRowsPerBlock;
    simd::Product block = product;
    block.a.data += first_row * product.a.row_stride;
    block.c += first_row * product.c_row_stride;
    block.num_rows = std::min(kRowsPerBlock, product.num_rows - first_row);
    simd::multiply(block, item % panels, 1);
  });
}

}  // namespace

void CpuKernels::linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  if (engine_->precision() == Precision::bf16) {
    return bf16_linear(*engine_, {.x = x.data<float>(),
                                  .num_rows = x.dim(0),
                                  .weight = weight,
                                  .bias = bias.defined() ? bias.data<float>() : nullptr,
                                  .y = y.data<float>()});
  }
  const std::int64_t K = weight.dim(1);
  const std::int64_t C_out = weight.dim(0);
  const auto packed = packed_transpose(*engine_, weight);
  multiply_in_parallel(team(), {.a = {.data = x.data<float>(), .row_stride = K},
                                .panels = static_cast<float*>(packed->get_data_handle()),
                                .num_rows = x.dim(0),
                                .num_columns = C_out,
                                .K = K,
                                .bias = bias.defined() ? bias.data<float>() : nullptr,
                                .c = y.data<float>(),
                                .c_row_stride = C_out});
}

void CpuKernels::linear_backward(const Tensor& x, const Tensor& weight, const Tensor& dy, Grad dx,
                                 Grad dweight, Grad dbias) {
  const std::int64_t M = x.dim(0);
  const std::int64_t K = weight.dim(1);
  const std::int64_t C_out = weight.dim(0);
  if (dx && engine_->precision() == Precision::bf16) {
    bf16_linear(*engine_, {.x = dy.data<float>(),
                           .num_rows = M,
                           .weight = weight,
                           .role = WeightRole::as_it_is,
                           .write = dx.write,
                           .y = dx.tensor.data<float>()});
  } else if (dx) {  // dy weight: [M,C_out] [C_out,K]
    multiply_in_parallel(team(), {.a = {.data = dy.data<float>(), .row_stride = C_out},
                                  .panels = packed_rows(*engine_, weight.data<float>(), C_out, K),
                                  .num_rows = M,
                                  .num_columns = K,
                                  .K = C_out,
                                  .c = dx.tensor.data<float>(),
                                  .c_row_stride = K,
                                  .write = dx.write});
  }
  // dy^T x: [C_out,M] [M,K], in pieces of the sum over M.
  for (std::int64_t first = 0; dweight && first < M; first += kRowsPerBlock) {
    const std::int64_t rows = std::min(kRowsPerBlock, M - first);
    multiply_in_parallel(
        team(),
        {.a = {.data = dy.data<float>() + first * C_out, .row_stride = 1, .column_stride = C_out},
         .panels = packed_rows(*engine_, x.data<float>() + first * K, rows, K),
         .num_rows = C_out,
         .num_columns = K,
         .K = rows,
         .c = dweight.tensor.data<float>(),
         .c_row_stride = K,
         .write = first == 0 ? dweight.write : Write::accumulate});
  }
  if (dbias) column_sums(dy.data<float>(), M, C_out, dbias);
}

}  // namespace ddim::cpu
