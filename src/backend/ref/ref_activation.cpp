#include "backend/ref/elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {

void RefKernels::activate(Activation activation, const Tensor& x, Tensor& y) {
  with_element_type(x, [&]<class T>() {
    const auto in = x.values<T>();
    const auto out = y.values<T>();
    for (std::size_t i = 0; i < in.size(); ++i)
      out[i] = static_cast<T>(activation_value(activation, in[i]));
  });
}

void RefKernels::activate_backward(Activation activation, const Tensor& x, const Tensor& dy,
                                   Grad dx) {
  if (!dx) return;
  with_element_type(x, [&]<class T>() {
    const auto in = x.values<T>();
    const auto dout = dy.values<T>();
    const auto din = dx.tensor.values<T>();
    for (std::size_t i = 0; i < in.size(); ++i)
      put(dout[i] * activation_slope(activation, in[i]), dx.write, din[i]);
  });
}

void RefKernels::scale_shift(const Tensor& x, const Tensor& modulation, Activation activation,
                             Tensor& y) {
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 4>(x);
    const auto m = elements<T, 2>(modulation);
    const auto out = elements<T, 4>(y);
    const std::int64_t C = x.dim(3);
    for (std::int64_t n = 0; n < x.dim(0); ++n)
      for (std::int64_t i = 0; i < x.dim(1); ++i)
        for (std::int64_t j = 0; j < x.dim(2); ++j)
          for (std::int64_t c = 0; c < C; ++c) {
            const double u = in(n, i, j, c) * (1.0 + m(n, c)) + m(n, C + c);
            out(n, i, j, c) = static_cast<T>(activation_value(activation, u));
          }
  });
}

void RefKernels::scale_shift_backward(const Tensor& x, const Tensor& modulation,
                                      Activation activation, const Tensor& dy, Grad dx,
                                      Grad dmodulation) {
  with_element_type(x, [&]<class T>() {
    const auto in = elements<T, 4>(x);
    const auto m = elements<T, 2>(modulation);
    const auto dout = elements<T, 4>(dy);
    const std::int64_t C = x.dim(3);
    for (std::int64_t n = 0; n < x.dim(0); ++n) {
      for (std::int64_t c = 0; c < C; ++c) {
        const double factor = 1.0 + m(n, c);
        double d_scale = 0.0;
        double d_shift = 0.0;
        for (std::int64_t i = 0; i < x.dim(1); ++i) {
          for (std::int64_t j = 0; j < x.dim(2); ++j) {
            const double u = in(n, i, j, c) * factor + m(n, C + c);
            const double du = dout(n, i, j, c) * activation_slope(activation, u);
            if (dx) put(du * factor, dx.write, elements<T, 4>(dx.tensor)(n, i, j, c));
            d_scale += du * in(n, i, j, c);
            d_shift += du;
          }
        }
        if (!dmodulation) continue;
        const auto slots = elements<T, 2>(dmodulation.tensor);
        put(d_scale, dmodulation.write, slots(n, c));
        put(d_shift, dmodulation.write, slots(n, C + c));
      }
    }
  });
}

}  // namespace ddim::engine::ref
