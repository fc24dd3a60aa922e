#include <algorithm>
#include <vector>

#include "backend/cpu/attention_simd.h"
#include "backend/cpu/conv_shape.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/matmul_simd.h"
#include "base/thread_team.h"

namespace ddim::cpu {
namespace {

/// Rows of the score matrix that are worked on at a time: its memory, and the piece of work that
/// threads share out.
constexpr std::int64_t kRowsPerBlock = 48;

/// The sizes of one attention.
struct Sizes {
  Sizes(const Shape& q, std::int64_t heads)
      : L(q[1]), C(q[2]), num_heads(heads), C_head(C / heads), num_matrices(q[0] * heads) {}

  std::int64_t L, C, num_heads, C_head;
  std::int64_t num_matrices;  ///< images times heads: each has a score matrix [L,L]

  /// Where head i % num_heads of image i / num_heads begins in [N,L,C]; its rows are C apart.
  std::int64_t offset(std::int64_t i) const {
    return i / num_heads * L * C + i % num_heads * C_head;
  }
  simd::MatrixView rows(const float* data) const { return {.data = data, .row_stride = C}; }
  simd::MatrixView transposed(const float* data) const {
    return {.data = data, .row_stride = 1, .column_stride = C};
  }
  /// Floats of a matrix [rows, columns] packed in panels.
  static std::int64_t panels(std::int64_t rows, std::int64_t columns) {
    return rows * simd::num_panels(columns) * simd::panel_columns();
  }
};

/// The part of a workspace that is thread `thread`'s own, `floats` long.
float* workspace_of(std::byte* workspace, int thread, std::int64_t floats) {
  return reinterpret_cast<float*>(workspace) + thread * floats;
}

std::byte* get_workspace(Engine& engine, std::int64_t floats) {
  return engine.workspace().get(static_cast<std::size_t>(engine.team().size() * floats) *
                                sizeof(float));
}

}  // namespace

void CpuKernels::attention(const Tensor& q, const Tensor& k, const Tensor& v,
                           std::int64_t num_heads, double scale, Tensor& log_sum_exp, Tensor& y) {
  const Sizes s(q.shape(), num_heads);
  const std::int64_t k_floats = Sizes::panels(s.C_head, s.L);
  const std::int64_t v_floats = Sizes::panels(s.L, s.C_head);
  const std::int64_t thread_floats = k_floats + v_floats + kRowsPerBlock * s.L;
  std::byte* const workspace = get_workspace(*engine_, thread_floats);

  const std::int64_t blocks = (s.L + kRowsPerBlock - 1) / kRowsPerBlock;
  std::vector<std::int64_t> packed(static_cast<std::size_t>(team().size()), -1);  // by each thread
  team().for_each(s.num_matrices * blocks, [&](int thread, std::int64_t item) {
    float* const k_panels = workspace_of(workspace, thread, thread_floats);
    float* const v_panels = k_panels + k_floats;
    float* const scores = v_panels + v_floats;
    std::int64_t& packed_matrix = packed[static_cast<std::size_t>(thread)];
    const std::int64_t matrix = item / blocks;
    const std::int64_t first_row = item % blocks * kRowsPerBlock;
    const std::int64_t rows = std::min(kRowsPerBlock, s.L - first_row);
    const std::int64_t head = s.offset(matrix);
    if (packed_matrix != matrix) {
      simd::pack_panels(s.transposed(k.data<float>() + head), s.C_head, s.L, k_panels);
      simd::pack_panels(s.rows(v.data<float>() + head), s.L, s.C_head, v_panels);
      packed_matrix = matrix;
    }
    simd::multiply({.a = s.rows(q.data<float>() + head + first_row * s.C),
                    .panels = k_panels,
                    .num_rows = rows,
                    .num_columns = s.L,
                    .K = s.C_head,
                    .c = scores,
                    .c_row_stride = s.L});
    for (std::int64_t i = 0; i < rows; ++i) {
      log_sum_exp.data<float>()[matrix * s.L + first_row + i] =
          simd::softmax(static_cast<float>(scale), scores + i * s.L, s.L);
    }
    simd::multiply({.a = {.data = scores, .row_stride = s.L},
                    .panels = v_panels,
                    .num_rows = rows,
                    .num_columns = s.C_head,
                    .K = s.L,
                    .c = y.data<float>() + head + first_row * s.C,
                    .c_row_stride = s.C});
  });
}

// With S = scale Q K^T and P = softmax(S), both computed anew, and O = P V:
//   dV = P^T dO,  dP = dO V^T,  dS = P o (dP - rowsum(dO o O)),  dQ = scale dS K,  dK = scale dS^T
//   Q
void CpuKernels::attention_backward(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& /*y*/, const Tensor& log_sum_exp,
                                    std::int64_t num_heads, double scale, const Tensor& dy, Grad dq,
                                    Grad dk, Grad dv) {
  const Sizes s(q.shape(), num_heads);
  const std::int64_t panel_floats =
      std::max(Sizes::panels(s.C_head, s.L), Sizes::panels(s.L, s.C_head));
  const std::int64_t thread_floats = panel_floats + 2 * s.L * s.L;
  std::byte* const workspace = get_workspace(*engine_, thread_floats);

  team().for_each(s.num_matrices, [&](int thread, std::int64_t matrix) {
    float* const panels = workspace_of(workspace, thread, thread_floats);
    float* const p = panels + panel_floats;  // [L,L] Q K^T, then P
    float* const ds = p + s.L * s.L;         // [L,L] dP, then scale dS
    const std::int64_t head = s.offset(matrix);
    /// The product of the [L,L] matrix `left` and the rows of `right`, into a gradient's slot.
    const auto into_slot = [&](const simd::MatrixView& left, const Tensor& right, Grad& slot) {
      simd::pack_panels(s.rows(right.data<float>() + head), s.L, s.C_head, panels);
      simd::multiply({.a = left,
                      .panels = panels,
                      .num_rows = s.L,
                      .num_columns = s.C_head,
                      .K = s.L,
                      .c = slot.tensor.data<float>() + head,
                      .c_row_stride = s.C,
                      .write = slot.write});
    };
    /// left right^T, both [L,C_head], into the [L,L] matrix `c`.
    const auto outer = [&](const Tensor& left, const Tensor& right, float* c) {
      simd::pack_panels(s.transposed(right.data<float>() + head), s.C_head, s.L, panels);
      simd::multiply({.a = s.rows(left.data<float>() + head),
                      .panels = panels,
                      .num_rows = s.L,
                      .num_columns = s.L,
                      .K = s.C_head,
                      .c = c,
                      .c_row_stride = s.L});
    };
    outer(q, k, p);
    outer(dy, v, ds);
    for (std::int64_t i = 0; i < s.L; ++i) {
      simd::softmax_backward(static_cast<float>(scale), log_sum_exp.data<float>()[matrix * s.L + i],
                             p + i * s.L, ds + i * s.L, s.L);
    }
    const auto transposed = [&](const float* data) {
      return simd::MatrixView{.data = data, .row_stride = 1, .column_stride = s.L};
    };
    if (dv) into_slot(transposed(p), dy, dv);
    if (dq) into_slot({.data = ds, .row_stride = s.L}, k, dq);
    if (dk) into_slot(transposed(ds), q, dk);
  });
}

}  // namespace ddim::cpu
