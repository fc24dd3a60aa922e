#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "backend/ref/elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {
namespace {

/// The matrix [rows,columns] whose (i, j) is sum_c a(n, i, c) b(n, j, c) over the channels of one
/// head.
template <class T>
class HeadProducts {
 public:
  HeadProducts(const Tensor& a, const Tensor& b, std::int64_t image, std::int64_t head,
               std::int64_t num_heads)
      : a_(elements<T, 3>(a)),
        b_(elements<T, 3>(b)),
        image_(image),
        first_(head * (a.dim(2) / num_heads)),
        last_(first_ + a.dim(2) / num_heads) {}

  double operator()(std::int64_t i, std::int64_t j) const {
    double sum = 0.0;
    for (std::int64_t c = first_; c < last_; ++c)
      sum += static_cast<double>(a_(image_, i, c)) * b_(image_, j, c);
    return sum;
  }

 private:
  Elements<const T, 3> a_;
  Elements<const T, 3> b_;
  std::int64_t image_;
  std::int64_t first_;
  std::int64_t last_;
};

}  // namespace

void RefKernels::attention(const Tensor& q, const Tensor& k, const Tensor& v,
                           std::int64_t num_heads, double scale, Tensor& log_sum_exp, Tensor& y) {
  with_element_type(q, [&]<class T>() {
    const std::int64_t length = q.dim(1);
    const std::int64_t head_channels = q.dim(2) / num_heads;
    const auto values = elements<T, 3>(v);
    const auto out = elements<T, 3>(y);
    const auto lse = elements<T, 3>(log_sum_exp);
    std::vector<double> p(static_cast<std::size_t>(length));  // the softmax over keys of one query
    for (std::int64_t n = 0; n < q.dim(0); ++n) {
      for (std::int64_t h = 0; h < num_heads; ++h) {
        const HeadProducts<T> scores(q, k, n, h, num_heads);
        for (std::int64_t i = 0; i < length; ++i) {
          double largest = -std::numeric_limits<double>::infinity();
          for (std::int64_t j = 0; j < length; ++j) {
            p[static_cast<std::size_t>(j)] = scale * scores(i, j);
            largest = std::max(largest, p[static_cast<std::size_t>(j)]);
          }
          double total = 0.0;
          for (const double score : p) total += std::exp(score - largest);
          const double log_total = largest + std::log(total);
          for (double& score : p) score = std::exp(score - log_total);
          lse(n, h, i) = static_cast<T>(log_total);
          for (std::int64_t c = h * head_channels; c < (h + 1) * head_channels; ++c) {
            double sum = 0.0;
            for (std::int64_t j = 0; j < length; ++j)
              sum += p[static_cast<std::size_t>(j)] * values(n, j, c);
            out(n, i, c) = static_cast<T>(sum);
          }
        }
      }
    }
  });
}

// With P = softmax(S), S = scale q k^T:  dv = P^T dy,  dP = dy v^T,
// dS_ij = P_ij (dP_ij - sum_j' P_ij' dP_ij'),  dq = scale dS k,  dk = scale dS^T q.
// The inner sum equals dy_i . y_i.
void RefKernels::attention_backward(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& y, const Tensor& log_sum_exp,
                                    std::int64_t num_heads, double scale, const Tensor& dy, Grad dq,
                                    Grad dk, Grad dv) {
  with_element_type(q, [&]<class T>() {
    const std::int64_t length = q.dim(1);
    const std::int64_t head_channels = q.dim(2) / num_heads;
    const auto queries = elements<T, 3>(q);
    const auto keys = elements<T, 3>(k);
    const auto dout = elements<T, 3>(dy);
    const auto lse = elements<T, 3>(log_sum_exp);
    std::vector<double> p_elements(static_cast<std::size_t>(length * length));
    std::vector<double> ds_elements(static_cast<std::size_t>(length * length));
    const Elements<double, 2> p(p_elements.data(), {length, length});
    const Elements<double, 2> ds(ds_elements.data(), {length, length});
    for (std::int64_t n = 0; n < q.dim(0); ++n) {
      for (std::int64_t h = 0; h < num_heads; ++h) {
        const HeadProducts<T> scores(q, k, n, h, num_heads);
        const HeadProducts<T> dp(dy, v, n, h, num_heads);
        const HeadProducts<T> dy_dot_y(dy, y, n, h, num_heads);
        for (std::int64_t i = 0; i < length; ++i) {
          for (std::int64_t j = 0; j < length; ++j) {
            p(i, j) = std::exp(scale * scores(i, j) - lse(n, h, i));
            ds(i, j) = p(i, j) * (dp(i, j) - dy_dot_y(i, i));
          }
        }
        // Writes sum_l term(l) for each token and channel of this head.
        const auto put_head = [&](Grad& grad, auto term) {
          if (!grad) return;
          const auto slots = elements<T, 3>(grad.tensor);
          for (std::int64_t i = 0; i < length; ++i) {
            for (std::int64_t c = h * head_channels; c < (h + 1) * head_channels; ++c) {
              double sum = 0.0;
              for (std::int64_t l = 0; l < length; ++l) sum += term(i, l, c);
              put(sum, grad.write, slots(n, i, c));
            }
          }
        };
        using Index = std::int64_t;
        put_head(dq, [&](Index i, Index l, Index c) { return scale * ds(i, l) * keys(n, l, c); });
        put_head(dk,
                 [&](Index i, Index l, Index c) { return scale * ds(l, i) * queries(n, l, c); });
        put_head(dv, [&](Index i, Index l, Index c) { return p(l, i) * dout(n, l, c); });
      }
    }
  });
}

}  // namespace ddim::engine::ref
