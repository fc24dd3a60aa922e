#include <algorithm>
#include <vector>

#include "backend/cpu/aligned_bytes.h"
#include "backend/cpu/attention_simd.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/matmul_simd.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {
namespace {

/// The sizes of one attention.
struct Sizes {
  Sizes(const Shape& q, std::int64_t heads, const Engine& engine)
      : L(q[1]),
        C(q[2]),
        num_heads(heads),
        C_head(C / heads),
        num_matrices(q[0] * heads),
        block_rows(4 * engine.tile_rows()) {}

  std::int64_t L, C, num_heads, C_head;
  std::int64_t num_matrices;  ///< images times heads: each has a score matrix [L,L]
  /// Rows of the score matrix that are worked on at a time: its memory, and the piece of work that
  /// threads share out. Whole tiles.
  std::int64_t block_rows;

  /// Where head i % num_heads of image i / num_heads begins in [N,L,C]; its rows are C apart.
  std::int64_t offset(std::int64_t i) const {
    return i / num_heads * L * C + i % num_heads * C_head;
  }
  simd::MatrixView rows(const float* data) const { return {.data = data, .row_stride = C}; }
  simd::MatrixView transposed(const float* data) const {
    return {.data = data, .row_stride = 1, .column_stride = C};
  }
};

/// Bytes of a matrix [rows, columns] packed in panels.
template <class Element>
std::size_t panels_bytes(std::int64_t rows, std::int64_t columns) {
  return aligned(static_cast<std::size_t>(simd::num_panels<Element>(columns) *
                                          simd::panel_size<Element>(rows)) *
                 sizeof(Element));
}

/// Bytes of a block of any of the left factors.
template <class Element>
std::size_t left_bytes(const Sizes& s) {
  const std::int64_t columns = std::max(s.C_head, s.L);
  return aligned(static_cast<std::size_t>(s.block_rows * simd::padded<Element>(columns)) *
                 sizeof(Element));
}

std::size_t float_bytes(std::int64_t count) {
  return aligned(static_cast<std::size_t>(count) * sizeof(float));
}

/// The tensors and numbers of a forward pass.
struct Forward {
  const float *q, *k, *v;
  float scale;
  float *log_sum_exp, *y;
};

template <class Element>
void attend(Engine& engine, const Sizes& s, const Forward& f) {
  const std::size_t k_bytes = panels_bytes<Element>(s.C_head, s.L);
  const std::size_t v_bytes = panels_bytes<Element>(s.L, s.C_head);
  const std::size_t scratch_bytes = left_bytes<Element>(s);
  const std::size_t thread_bytes =
      k_bytes + v_bytes + scratch_bytes + float_bytes(s.block_rows * s.L);
  const auto num_threads = static_cast<std::size_t>(engine.team().size());
  std::byte* const workspace = engine.workspace().get(thread_bytes * num_threads);

  const std::int64_t blocks = (s.L + s.block_rows - 1) / s.block_rows;
  std::vector<std::int64_t> packed(num_threads, -1);  // by each thread
  engine.team().for_each(s.num_matrices * blocks, [&](int thread, std::int64_t item) {
    std::byte* const own = workspace + thread_bytes * static_cast<std::size_t>(thread);
    auto* const k_panels = reinterpret_cast<Element*>(own);
    auto* const v_panels = reinterpret_cast<Element*>(own + k_bytes);
    auto* const scratch = reinterpret_cast<Element*>(own + k_bytes + v_bytes);
    auto* const scores = reinterpret_cast<float*>(own + k_bytes + v_bytes + scratch_bytes);
    std::int64_t& packed_matrix = packed[static_cast<std::size_t>(thread)];
    const std::int64_t matrix = item / blocks;
    const std::int64_t first_row = item % blocks * s.block_rows;
    const std::int64_t rows = std::min(s.block_rows, s.L - first_row);
    const std::int64_t head = s.offset(matrix);
    if (packed_matrix != matrix) {
      simd::pack_panels(s.transposed(f.k + head), s.C_head, s.L, k_panels);
      simd::pack_panels(s.rows(f.v + head), s.L, s.C_head, v_panels);
      packed_matrix = matrix;
    }
    simd::multiply(simd::Product<Element>{
        .a = simd::left_factor(s.rows(f.q + head).from_row(first_row), rows, s.C_head, scratch),
        .panels = k_panels,
        .num_rows = rows,
        .num_columns = s.L,
        .K = s.C_head,
        .c = scores,
        .c_row_stride = s.L});
    for (std::int64_t i = 0; i < rows; ++i) {
      f.log_sum_exp[matrix * s.L + first_row + i] = simd::softmax(f.scale, scores + i * s.L, s.L);
    }
    simd::multiply(simd::Product<Element>{
        .a = simd::left_factor({.data = scores, .row_stride = s.L}, rows, s.L, scratch),
        .panels = v_panels,
        .num_rows = rows,
        .num_columns = s.C_head,
        .K = s.L,
        .c = f.y + head + first_row * s.C,
        .c_row_stride = s.C});
  });
}

/// The tensors and numbers of a backward pass.
struct Backward {
  const float *q, *k, *v;
  const float* log_sum_exp;
  float scale;
  const float* dy;
  Grad dq, dk, dv;
};

/// The backward pass of one score matrix, on one thread.
template <class Element>
class MatrixBackward {
 public:
  static std::size_t workspace_bytes(const Sizes& s) {
    return panels_bytes_of(s) + left_bytes<Element>(s) + 2 * float_bytes(s.L * s.L);
  }

  MatrixBackward(const Sizes& sizes, std::int64_t matrix, std::byte* workspace)
      : s_(sizes),
        matrix_(matrix),
        head_(sizes.offset(matrix)),
        p_(reinterpret_cast<float*>(workspace)),
        ds_(reinterpret_cast<float*>(workspace + float_bytes(s_.L * s_.L))),
        panels_(reinterpret_cast<Element*>(workspace + 2 * float_bytes(s_.L * s_.L))),
        scratch_(reinterpret_cast<Element*>(workspace + 2 * float_bytes(s_.L * s_.L) +
                                            panels_bytes_of(s_))) {}

  // With S = scale Q K^T and P = softmax(S), both computed anew, and O = P V:
  //   dV = P^T dO,  dP = dO V^T,  dS = P o (dP - rowsum(dO o O)),  dQ = scale dS K,
  //   dK = scale dS^T Q
  void run(const Backward& b) {
    outer(b.q, b.k, p_);
    outer(b.dy, b.v, ds_);
    for (std::int64_t i = 0; i < s_.L; ++i) {
      simd::softmax_backward(b.scale, b.log_sum_exp[matrix_ * s_.L + i], p_ + i * s_.L,
                             ds_ + i * s_.L, s_.L);
    }
    if (b.dv) into_slot(transposed(p_), b.dy, b.dv);
    if (b.dq) into_slot({.data = ds_, .row_stride = s_.L}, b.k, b.dq);
    if (b.dk) into_slot(transposed(ds_), b.q, b.dk);
  }

 private:
  static std::size_t panels_bytes_of(const Sizes& s) {
    return std::max(panels_bytes<Element>(s.C_head, s.L), panels_bytes<Element>(s.L, s.C_head));
  }
  simd::MatrixView transposed(const float* data) const {
    return {.data = data, .row_stride = 1, .column_stride = s_.L};
  }

  /// left right^T, both [L,C_head] of this head, into the [L,L] matrix `c`.
  void outer(const float* left, const float* right, float* c) {
    simd::pack_panels(s_.transposed(right + head_), s_.C_head, s_.L, panels_);
    multiply_blocks(
        s_.rows(left + head_),
        {.panels = panels_, .num_columns = s_.L, .K = s_.C_head, .c = c, .c_row_stride = s_.L});
  }

  /// The product of the [L,L] matrix `left` and the rows of `right`, into a gradient's slot.
  void into_slot(const simd::MatrixView& left, const float* right, const Grad& slot) {
    simd::pack_panels(s_.rows(right + head_), s_.L, s_.C_head, panels_);
    Tensor gradient = slot.tensor;
    multiply_blocks(left, {.panels = panels_,
                           .num_columns = s_.C_head,
                           .K = s_.L,
                           .c = gradient.data<float>() + head_,
                           .c_row_stride = s_.C,
                           .write = slot.write});
  }

  /// All L rows of `left` times the panels of `product`, which lacks its left factor.
  void multiply_blocks(const simd::MatrixView& left, simd::Product<Element> product) {
    float* const c = product.c;
    for (std::int64_t row = 0; row < s_.L; row += s_.block_rows) {
      product.num_rows = std::min(s_.block_rows, s_.L - row);
      product.a = simd::left_factor(left.from_row(row), product.num_rows, product.K, scratch_);
      product.c = c + row * product.c_row_stride;
      simd::multiply(product);
    }
  }

  const Sizes& s_;
  std::int64_t matrix_;
  std::int64_t head_;
  float* p_;   ///< [L,L] Q K^T, then P
  float* ds_;  ///< [L,L] dP, then scale dS
  Element* panels_;
  Element* scratch_;
};

template <class Element>
void attend_backward(Engine& engine, const Sizes& s, const Backward& b) {
  const std::size_t thread_bytes = MatrixBackward<Element>::workspace_bytes(s);
  std::byte* const workspace =
      engine.workspace().get(thread_bytes * static_cast<std::size_t>(engine.team().size()));
  engine.team().for_each(s.num_matrices, [&](int thread, std::int64_t matrix) {
    std::byte* const own = workspace + thread_bytes * static_cast<std::size_t>(thread);
    MatrixBackward<Element>(s, matrix, own).run(b);
  });
}

}  // namespace

void CpuKernels::attention(const Tensor& q, const Tensor& k, const Tensor& v,
                           std::int64_t num_heads, double scale, Tensor& log_sum_exp, Tensor& y) {
  const Sizes sizes(q.shape(), num_heads, *engine_);
  const Forward forward{.q = q.data<float>(),
                        .k = k.data<float>(),
                        .v = v.data<float>(),
                        .scale = static_cast<float>(scale),
                        .log_sum_exp = log_sum_exp.data<float>(),
                        .y = y.data<float>()};
  if (engine_->precision() == Precision::bf16) {
    attend<Bf16>(*engine_, sizes, forward);
  } else {
    attend<float>(*engine_, sizes, forward);
  }
}

void CpuKernels::attention_backward(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& /*y*/, const Tensor& log_sum_exp,
                                    std::int64_t num_heads, double scale, const Tensor& dy, Grad dq,
                                    Grad dk, Grad dv) {
  const Sizes sizes(q.shape(), num_heads, *engine_);
  const Backward backward{.q = q.data<float>(),
                          .k = k.data<float>(),
                          .v = v.data<float>(),
                          .log_sum_exp = log_sum_exp.data<float>(),
                          .scale = static_cast<float>(scale),
                          .dy = dy.data<float>(),
                          .dq = dq,
                          .dk = dk,
                          .dv = dv};
  if (engine_->precision() == Precision::bf16) {
    attend_backward<Bf16>(*engine_, sizes, backward);
  } else {
    attend_backward<float>(*engine_, sizes, backward);
  }
}

}  // namespace ddim::engine::cpu
