#include "backend/ref/elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {

void RefKernels::linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) {
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 2>(x);
    const auto w = elements<T, 2>(weight);
    const auto out = elements<T, 2>(y);
    for (std::int64_t m = 0; m < y.dim(0); ++m) {
      for (std::int64_t o = 0; o < y.dim(1); ++o) {
        double sum = 0.0;
        for (std::int64_t k = 0; k < x.dim(1); ++k) sum += static_cast<double>(in(m, k)) * w(o, k);
        if (bias.defined()) sum += elements<T, 1>(bias)(o);
        out(m, o) = static_cast<T>(sum);
      }
    }
  });
}

void RefKernels::linear_backward(const Tensor& x, const Tensor& weight, const Tensor& dy, Grad dx,
                                 Grad dweight, Grad dbias) {
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 2>(x);
    const auto w = elements<T, 2>(weight);
    const auto dout = elements<T, 2>(dy);
    const std::int64_t num_rows = dy.dim(0);
    const std::int64_t num_outputs = dy.dim(1);
    if (dx) {
      const auto din = elements<T, 2>(dx.tensor);
      for (std::int64_t m = 0; m < num_rows; ++m) {
        for (std::int64_t k = 0; k < x.dim(1); ++k) {
          double sum = 0.0;
          for (std::int64_t o = 0; o < num_outputs; ++o)
            sum += static_cast<double>(dout(m, o)) * w(o, k);
          put(sum, dx.write, din(m, k));
        }
      }
    }
    if (dweight) {
      const auto dw = elements<T, 2>(dweight.tensor);
      for (std::int64_t o = 0; o < num_outputs; ++o) {
        for (std::int64_t k = 0; k < x.dim(1); ++k) {
          double sum = 0.0;
          for (std::int64_t m = 0; m < num_rows; ++m)
            sum += static_cast<double>(dout(m, o)) * in(m, k);
          put(sum, dweight.write, dw(o, k));
        }
      }
    }
    if (dbias) {
      const auto db = elements<T, 1>(dbias.tensor);
      for (std::int64_t o = 0; o < num_outputs; ++o) {
        double sum = 0.0;
        for (std::int64_t m = 0; m < num_rows; ++m) sum += dout(m, o);
        put(sum, dbias.write, db(o));
      }
    }
  });
}

void RefKernels::matmul(const Factor& a, const Factor& b, Grad y) {
  if (!y) return;
  with_element_type(a.matrix, [&]<class T>() {
    const auto left = elements<T, 2>(a.matrix);
    const auto right = elements<T, 2>(b.matrix);
    const auto out = elements<T, 2>(y.tensor);
    for (std::int64_t m = 0; m < a.rows(); ++m) {
      for (std::int64_t n = 0; n < b.columns(); ++n) {
        double sum = 0.0;
        for (std::int64_t k = 0; k < a.columns(); ++k) {
          sum += static_cast<double>(a.transposed ? left(k, m) : left(m, k)) *
                 (b.transposed ? right(n, k) : right(k, n));
        }
        put(sum, y.write, out(m, n));
      }
    }
  });
}

}  // namespace ddim::engine::ref
