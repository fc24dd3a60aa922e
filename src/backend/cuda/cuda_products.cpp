// Linear layers and attention: products of matrices.
#include <algorithm>

#include "backend/cuda/cuda_kernels.h"

namespace ddim::engine::cuda {
namespace {

/// A matrix [rows,columns] whose rows lie one after the other, as it is and transposed.
Matrices matrix(const Tensor& x) { return {values_of(x), x.dim(1), 1, 0, 0}; }
Matrices transposed(const Tensor& x) { return {values_of(x), 1, x.dim(1), 0, 0}; }

/// The channels of each head of x [N,L,C], from image `first` on: [L, C / num_heads].
Matrices heads_of(const Tensor& x, std::int64_t first, std::int64_t num_heads) {
  const std::int64_t L = x.dim(1), C = x.dim(2);
  return {from(values_of(x), first * L * C), C, 1, L * C, C / num_heads};
}
Matrices transpose(const Matrices& x) { return {x.data, x.column, x.row, x.image, x.head}; }
/// [images, num_heads, L, L]
Matrices squares_of(const float* data, std::int64_t num_heads, std::int64_t L) {
  return {as_values(data), L, 1, num_heads * L * L, L * L};
}

/// Attention's matrices of scores are made for so many images at a time that they stay below this
/// and a grid has room for them, or for one.
constexpr std::int64_t kScoreFloats = std::int64_t{64} << 20;
std::int64_t images_at_a_time(std::int64_t scores_of_image, std::int64_t num_heads) {
  return std::max<std::int64_t>(
      1, std::min(kScoreFloats / scores_of_image, kMaxGridDepth / num_heads));
}

}  // namespace

void CudaKernels::multiply(const Product& product, std::int64_t images, Precision precision) {
  if (product.M == 0 || product.N == 0 || images == 0) return;
  LaunchShape shape{.grid = {grid_size(divide_up(product.M, 64)),
                             grid_size(divide_up(product.N, 64)),
                             grid_size(images * product.heads)}};
  if (precision != Precision::fp32) shape.threads = 128;
  switch (precision) {
    case Precision::fp32:
      return launch(shape, ProductF32Arguments{product});
    case Precision::bf16:
      return launch(shape, ProductBf16Arguments{product});
    case Precision::bf16x3:
      return launch(shape, ProductBf16x3Arguments{product});
  }
}

void CudaKernels::linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  multiply({.a = matrix(x),
            .b = transposed(weight),
            .y = overwrite(y),
            .y_row = y.dim(1),
            .y_image = 0,
            .y_head = 0,
            .bias = data_of(bias),
            .M = narrow(y.dim(0)),
            .N = narrow(y.dim(1)),
            .K = narrow(x.dim(1)),
            .heads = 1,
            .factor = 1.0F},
           1, precision_);
}

void CudaKernels::linear_backward(const Tensor& x, const Tensor& weight, const Tensor& dy, Grad dx,
                                  Grad dweight, Grad dbias) {
  const std::int64_t M = dy.dim(0), K = x.dim(1), C_out = dy.dim(1);
  Product product{.a = {},
                  .b = {},
                  .y = {},
                  .y_row = K,
                  .y_image = 0,
                  .y_head = 0,
                  .bias = nullptr,
                  .M = narrow(M),
                  .N = narrow(K),
                  .K = narrow(C_out),
                  .heads = 1,
                  .factor = 1.0F};
  if (dx) {
    product.a = matrix(dy);
    product.b = matrix(weight);
    product.y = slot_of(dx);
    multiply(product, 1, precision_);
  }
  if (dweight) {
    product.a = transposed(dy);
    product.b = matrix(x);
    product.y = slot_of(dweight);
    product.M = narrow(C_out);
    product.K = narrow(M);
    multiply(product, 1, precision_);
  }
  if (dbias) sum_columns(values_of(dy), 1, M, C_out, slot_of(dbias));
}

void CudaKernels::matmul(const Factor& a, const Factor& b, Grad y) {
  if (!y) return;
  const auto matrix_of = [](const Factor& factor) {
    return factor.transposed ? transposed(factor.matrix) : matrix(factor.matrix);
  };
  multiply({.a = matrix_of(a),
            .b = matrix_of(b),
            .y = slot_of(y),
            .y_row = b.columns(),
            .y_image = 0,
            .y_head = 0,
            .bias = nullptr,
            .M = narrow(a.rows()),
            .N = narrow(b.columns()),
            .K = narrow(a.columns()),
            .heads = 1,
            .factor = 1.0F},
           1, Precision::fp32);
}

// scores = scale a b^T of each image and head: [count, num_heads, L, L].
void CudaKernels::attend(const Tensor& a, const Tensor& b, std::int64_t first, std::int64_t count,
                         std::int64_t num_heads, double scale, float* scores) {
  const std::int64_t L = a.dim(1);
  multiply({.a = heads_of(a, first, num_heads),
            .b = transpose(heads_of(b, first, num_heads)),
            .y = as_slot(scores),
            .y_row = L,
            .y_image = num_heads * L * L,
            .y_head = L * L,
            .bias = nullptr,
            .M = narrow(L),
            .N = narrow(L),
            .K = narrow(a.dim(2) / num_heads),
            .heads = narrow(num_heads),
            .factor = static_cast<float>(scale)},
           count, precision_);
}

void CudaKernels::weigh(const Matrices& a, const Tensor& b, const Slot& y, std::int64_t first,
                        std::int64_t count, std::int64_t num_heads, double factor) {
  const std::int64_t L = b.dim(1), C = b.dim(2);
  multiply({.a = a,
            .b = heads_of(b, first, num_heads),
            .y = from(y, first * L * C),
            .y_row = C,
            .y_image = L * C,
            .y_head = C / num_heads,
            .bias = nullptr,
            .M = narrow(L),
            .N = narrow(C / num_heads),
            .K = narrow(L),
            .heads = narrow(num_heads),
            .factor = static_cast<float>(factor)},
           count, precision_);
}

void CudaKernels::attention(const Tensor& q, const Tensor& k, const Tensor& v,
                            std::int64_t num_heads, double scale, Tensor& log_sum_exp, Tensor& y) {
  const std::int64_t N = q.dim(0), L = q.dim(1), rows = num_heads * L;
  if (q.size() == 0) return;
  const std::int64_t at_a_time = images_at_a_time(rows * L, num_heads);
  float* scores = scratch({std::min(N, at_a_time) * rows * L})[0];
  for (std::int64_t first = 0; first < N; first += at_a_time) {
    const std::int64_t count = std::min(at_a_time, N - first);
    attend(q, k, first, count, num_heads, scale, scores);
    launch({.grid = {grid_size(divide_up(count * rows, 8)), 1, 1}},
           SoftmaxArguments{scores, data_of(log_sum_exp) + first * rows, count * rows, narrow(L)});
    weigh(squares_of(scores, num_heads, L), v, overwrite(y), first, count, num_heads, 1.0);
  }
}

// With P = softmax(S), S = scale q k^T:  dv = P^T dy,  dP = dy v^T,
// dS_ij = P_ij (dP_ij - sum_j' P_ij' dP_ij'),  dq = scale dS k,  dk = scale dS^T q.
void CudaKernels::attention_backward(const Tensor& q, const Tensor& k, const Tensor& v,
                                     const Tensor&, const Tensor& log_sum_exp,
                                     std::int64_t num_heads, double scale, const Tensor& dy,
                                     Grad dq, Grad dk, Grad dv) {
  const std::int64_t N = q.dim(0), L = q.dim(1), rows = num_heads * L;
  if (q.size() == 0 || !(dq || dk || dv)) return;
  const std::int64_t at_a_time = images_at_a_time(rows * L, num_heads),
                     most = std::min(N, at_a_time);
  const std::vector<float*> pieces = scratch({most * rows * L, most * rows * L});
  float *p = pieces[0], *ds = pieces[1];
  for (std::int64_t first = 0; first < N; first += at_a_time) {
    const std::int64_t count = std::min(at_a_time, N - first);
    attend(q, k, first, count, num_heads, scale, p);
    attend(dy, v, first, count, num_heads, 1.0, ds);
    launch({.grid = {grid_size(divide_up(count * rows, 8)), 1, 1}},
           SoftmaxBackwardArguments{p, data_of(log_sum_exp) + first * rows, ds, count * rows,
                                    narrow(L)});
    const auto put = [&](Grad& grad, const Matrices& a, const Tensor& b, double factor) {
      if (grad) weigh(a, b, slot_of(grad), first, count, num_heads, factor);
    };
    put(dq, squares_of(ds, num_heads, L), k, scale);
    put(dk, transpose(squares_of(ds, num_heads, L)), q, scale);
    put(dv, transpose(squares_of(p, num_heads, L)), dy, 1.0);
  }
}

}  // namespace ddim::engine::cuda
