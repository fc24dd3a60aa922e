#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/ref/elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {

void RefKernels::upload(std::span<const float> values, Tensor& y) {
  assert(static_cast<std::int64_t>(values.size()) == y.size());
  with_element_type(y, [&]<class T>() {
    const auto out = y.values<T>();
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  });
}

void RefKernels::download(const Tensor& x, std::span<float> values) {
  assert(static_cast<std::int64_t>(values.size()) == x.size());
  with_element_type(x, [&]<class T>() {
    const auto in = x.values<T>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(in[i]);
  });
}

void RefKernels::copy(const Tensor& x, Tensor& y) { accumulate(x, {y, Write::overwrite}); }

void RefKernels::fill(double value, Tensor& y) {
  with_element_type(y, [&]<class T>() {
    for (T& element : y.values<T>()) element = static_cast<T>(value);
  });
}

void RefKernels::add(const Tensor& a, const Tensor& b, Tensor& y) {
  with_element_type(a, [&]<class T>() {
    const auto left = a.values<T>();
    const auto right = b.values<T>();
    const auto out = y.values<T>();
    for (std::size_t i = 0; i < left.size(); ++i) out[i] = left[i] + right[i];
  });
}

void RefKernels::accumulate(const Tensor& x, Grad y) {
  if (!y) return;
  with_element_type(x, [&]<class T>() {
    const auto in = x.values<T>();
    const auto out = y.tensor.values<T>();
    for (std::size_t i = 0; i < in.size(); ++i) put(in[i], y.write, out[i]);
  });
}

void RefKernels::scale_per_image(const Tensor& x, std::span<const double> factors, Grad y) {
  if (!y) return;
  with_element_type(x, [&]<class T>() {
    const auto in = x.values<T>();
    const auto out = y.tensor.values<T>();
    const std::size_t image_size = in.size() / factors.size();
    for (std::size_t i = 0; i < in.size(); ++i)
      put(factors[i / image_size] * in[i], y.write, out[i]);
  });
}

void RefKernels::upsample_nearest_2x(const Tensor& x, Tensor& y) {
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 4>(x);
    const auto out = elements<T, 4>(y);
    for (std::int64_t n = 0; n < y.dim(0); ++n)
      for (std::int64_t i = 0; i < y.dim(1); ++i)
        for (std::int64_t j = 0; j < y.dim(2); ++j)
          for (std::int64_t c = 0; c < y.dim(3); ++c) out(n, i, j, c) = in(n, i / 2, j / 2, c);
  });
}

void RefKernels::upsample_nearest_2x_backward(const Tensor& dy, Grad dx) {
  if (!dx) return;
  with_element_type(dy, [&]<class T>() {
    const auto dout = elements<T, 4>(dy);
    const auto din = elements<T, 4>(dx.tensor);
    const Shape& shape = dx.tensor.shape();
    for (std::int64_t n = 0; n < shape[0]; ++n) {
      for (std::int64_t i = 0; i < shape[1]; ++i) {
        for (std::int64_t j = 0; j < shape[2]; ++j) {
          for (std::int64_t c = 0; c < shape[3]; ++c) {
            double sum = 0.0;
            for (std::int64_t u = 0; u < 2; ++u)
              for (std::int64_t v = 0; v < 2; ++v) sum += dout(n, 2 * i + u, 2 * j + v, c);
            put(sum, dx.write, din(n, i, j, c));
          }
        }
      }
    }
  });
}

void RefKernels::pool(const Tensor& x, const PoolGeometry& geometry, Tensor& y) {
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 4>(x);
    const auto out = elements<T, 4>(y);
    const auto at = [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t c) {
      double largest = -std::numeric_limits<double>::infinity(), sum = 0.0;
      int count = 0;
      for (std::int64_t u = 0; u < geometry.kernel; ++u) {
        for (std::int64_t v = 0; v < geometry.kernel; ++v) {
          const std::int64_t row = i * geometry.stride + u - geometry.padding;
          const std::int64_t column = j * geometry.stride + v - geometry.padding;
          if (row < 0 || row >= x.dim(1) || column < 0 || column >= x.dim(2)) continue;
          const auto value = static_cast<double>(in(n, row, column, c));
          if (value > largest || std::isnan(value)) largest = value;  // NaN stays: nothing is above
          sum += in(n, row, column, c);
          ++count;
        }
      }
      return static_cast<T>(geometry.pooling == Pooling::max ? largest : sum / count);
    };
    for (std::int64_t n = 0; n < y.dim(0); ++n)
      for (std::int64_t i = 0; i < y.dim(1); ++i)
        for (std::int64_t j = 0; j < y.dim(2); ++j)
          for (std::int64_t c = 0; c < y.dim(3); ++c) out(n, i, j, c) = at(n, i, j, c);
  });
}

void RefKernels::join_channels(std::span<const Tensor> parts, Tensor& y) {
  with_element_type(y, [&]<class T>() {
    const auto out = elements<T, 4>(y);
    std::int64_t first = 0;
    for (const Tensor& part : parts) {
      const auto in = elements<T, 4>(part);
      for (std::int64_t n = 0; n < part.dim(0); ++n)
        for (std::int64_t i = 0; i < part.dim(1); ++i)
          for (std::int64_t j = 0; j < part.dim(2); ++j)
            for (std::int64_t c = 0; c < part.dim(3); ++c) out(n, i, j, first + c) = in(n, i, j, c);
      first += part.dim(3);
    }
  });
}

void RefKernels::downsample_mean_2x(const Tensor& x, Tensor& y) {
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 4>(x);
    const auto out = elements<T, 4>(y);
    for (std::int64_t n = 0; n < y.dim(0); ++n)
      for (std::int64_t i = 0; i < y.dim(1); ++i)
        for (std::int64_t j = 0; j < y.dim(2); ++j)
          for (std::int64_t c = 0; c < y.dim(3); ++c) {
            double sum = 0.0;
            for (std::int64_t u = 0; u < 2; ++u)
              for (std::int64_t v = 0; v < 2; ++v) sum += in(n, 2 * i + u, 2 * j + v, c);
            out(n, i, j, c) = static_cast<T>(0.25 * sum);
          }
  });
}

void RefKernels::downsample_mean_2x_backward(const Tensor& dy, Grad dx) {
  if (!dx) return;
  with_element_type(dy, [&]<class T>() {
    const auto dout = elements<T, 4>(dy);
    const auto din = elements<T, 4>(dx.tensor);
    const Shape& shape = dx.tensor.shape();
    for (std::int64_t n = 0; n < shape[0]; ++n)
      for (std::int64_t i = 0; i < shape[1]; ++i)
        for (std::int64_t j = 0; j < shape[2]; ++j)
          for (std::int64_t c = 0; c < shape[3]; ++c)
            put(0.25 * dout(n, i / 2, j / 2, c), dx.write, din(n, i, j, c));
  });
}

void RefKernels::gather_rows(const Tensor& table, std::span<const std::int64_t> rows, Tensor& y) {
  with_element_type(table, [&]<class T>() {
    const auto in = elements<T, 2>(table);
    const auto out = elements<T, 2>(y);
    for (std::int64_t n = 0; n < y.dim(0); ++n)
      for (std::int64_t c = 0; c < y.dim(1); ++c)
        out(n, c) = in(rows[static_cast<std::size_t>(n)], c);
  });
}

void RefKernels::gather_rows_backward(const Tensor& dy, std::span<const std::int64_t> rows,
                                      Grad dtable) {
  if (!dtable) return;
  with_element_type(dy, [&]<class T>() {
    const auto dout = elements<T, 2>(dy);
    const auto slots = elements<T, 2>(dtable.tensor);
    for (std::int64_t k = 0; k < dtable.tensor.dim(0); ++k) {
      for (std::int64_t c = 0; c < dy.dim(1); ++c) {
        double sum = 0.0;
        for (std::int64_t n = 0; n < dy.dim(0); ++n) {
          if (rows[static_cast<std::size_t>(n)] == k) sum += dout(n, c);
        }
        put(sum, dtable.write, slots(k, c));
      }
    }
  });
}

void RefKernels::sum_pixels(const Tensor& x, Grad y) {
  if (!y) return;
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 4>(x);
    const auto out = elements<T, 2>(y.tensor);
    for (std::int64_t n = 0; n < x.dim(0); ++n) {
      for (std::int64_t c = 0; c < x.dim(3); ++c) {
        double sum = 0.0;
        for (std::int64_t i = 0; i < x.dim(1); ++i)
          for (std::int64_t j = 0; j < x.dim(2); ++j) sum += in(n, i, j, c);
        put(sum, y.write, out(n, c));
      }
    }
  });
}

}  // namespace ddim::engine::ref
