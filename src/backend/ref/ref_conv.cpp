#include "backend/ref/channel_elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {
namespace {

/// The place along an axis of x [size] that output `i` sees through tap `u`, or -1.
std::int64_t seen(const ConvGeometry& geometry, const WindowAxis& axis, std::int64_t i,
                  std::int64_t u, std::int64_t size) {
  const std::int64_t place = i * geometry.stride + u - axis.pad_begin;  // in x upsampled
  return place >= 0 && place < size * geometry.upsample ? place / geometry.upsample : -1;
}

}  // namespace

void RefKernels::conv2d(const ChannelParts& x, const Tensor& weight,
                        const ConvAddends<Tensor>& addends, const ConvGeometry& geometry,
                        Tensor& y) {
  const Shape in_shape = x.shape();
  const WindowAxis down = geometry.down_axis(), across = geometry.across_axis();
  with_element_type(y, [&]<class T>() {
    const ChannelElements<T> in(x);
    const auto w = elements<T, 4>(weight);
    const auto out = elements<T, 4>(y);
    const auto at = [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t o) {
      double sum = 0.0;
      for (std::int64_t u = 0; u < down.kernel; ++u) {
        for (std::int64_t v = 0; v < across.kernel; ++v) {
          const std::int64_t row = seen(geometry, down, i, u, in_shape[1]);
          const std::int64_t column = seen(geometry, across, j, v, in_shape[2]);
          if (row < 0 || column < 0) continue;
          for (std::int64_t c = 0; c < in_shape[3]; ++c)
            sum += static_cast<double>(in(n, row, column, c)) * w(o, c, u, v);
        }
      }
      if (addends.bias.defined()) sum += elements<T, 1>(addends.bias)(o);
      if (addends.per_image_bias.defined()) sum += elements<T, 2>(addends.per_image_bias)(n, o);
      if (addends.residual.defined()) sum += elements<T, 4>(addends.residual)(n, i, j, o);
      return static_cast<T>(sum);
    };
    for (std::int64_t n = 0; n < y.dim(0); ++n)
      for (std::int64_t i = 0; i < y.dim(1); ++i)
        for (std::int64_t j = 0; j < y.dim(2); ++j)
          for (std::int64_t o = 0; o < y.dim(3); ++o) out(n, i, j, o) = at(n, i, j, o);
  });
}

void RefKernels::conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                       const ConvGeometry& geometry, const ChannelGrads& dx) {
  if (!dx) return;
  const WindowAxis down = geometry.down_axis(), across = geometry.across_axis();
  with_element_type(dy, [&]<class T>() {
    const auto dout = elements<T, 4>(dy);
    const auto w = elements<T, 4>(weight);
    const std::int64_t C_in = weight.dim(1);
    ChannelGradients<T> din(dx, C_in);
    // The output that sees copy `copy` of pixel `p` through tap `u`, or -1.
    const auto reached = [&](const WindowAxis& axis, std::int64_t p, std::int64_t copy,
                             std::int64_t u, std::int64_t size) {
      const std::int64_t strided = p * geometry.upsample + copy + axis.pad_begin - u;
      if (strided < 0 || strided % geometry.stride != 0) return std::int64_t{-1};
      return strided / geometry.stride < size ? strided / geometry.stride : -1;
    };
    const auto sum_over_outputs = [&](std::int64_t n, std::int64_t i, std::int64_t j,
                                      std::int64_t c, std::int64_t u, std::int64_t v) {
      double sum = 0.0;
      for (std::int64_t o = 0; o < dy.dim(3); ++o)
        sum += static_cast<double>(dout(n, i, j, o)) * w(o, c, u, v);
      return sum;
    };
    const auto at = [&](std::int64_t n, std::int64_t row, std::int64_t column, std::int64_t c) {
      double sum = 0.0;
      for (std::int64_t u = 0; u < down.kernel; ++u) {
        for (std::int64_t v = 0; v < across.kernel; ++v) {
          for (std::int64_t copy_y = 0; copy_y < geometry.upsample; ++copy_y) {
            for (std::int64_t copy_x = 0; copy_x < geometry.upsample; ++copy_x) {
              const std::int64_t i = reached(down, row, copy_y, u, dy.dim(1));
              const std::int64_t j = reached(across, column, copy_x, v, dy.dim(2));
              if (i >= 0 && j >= 0) sum += sum_over_outputs(n, i, j, c, u, v);
            }
          }
        }
      }
      return sum;
    };
    const Shape& shape = (dx.first ? dx.first : dx.second).tensor.shape();
    for (std::int64_t n = 0; n < shape[0]; ++n)
      for (std::int64_t row = 0; row < shape[1]; ++row)
        for (std::int64_t column = 0; column < shape[2]; ++column)
          for (std::int64_t c = 0; c < C_in; ++c) din.put(at(n, row, column, c), n, row, column, c);
  });
}

void RefKernels::conv2d_backward_weight(const ChannelParts& x, const Tensor& dy,
                                        const ConvGeometry& geometry, Grad dweight, Grad dbias) {
  const Shape in_shape = x.shape();
  const WindowAxis down = geometry.down_axis(), across = geometry.across_axis();
  with_element_type(dy, [&]<class T>() {
    const ChannelElements<T> in(x);
    const auto dout = elements<T, 4>(dy);
    const auto weight_at = [&](std::int64_t o, std::int64_t c, std::int64_t u, std::int64_t v) {
      double sum = 0.0;
      for (std::int64_t n = 0; n < dy.dim(0); ++n) {
        for (std::int64_t i = 0; i < dy.dim(1); ++i) {
          const std::int64_t row = seen(geometry, down, i, u, in_shape[1]);
          if (row < 0) continue;
          for (std::int64_t j = 0; j < dy.dim(2); ++j) {
            const std::int64_t column = seen(geometry, across, j, v, in_shape[2]);
            if (column < 0) continue;
            sum += static_cast<double>(dout(n, i, j, o)) * in(n, row, column, c);
          }
        }
      }
      return sum;
    };
    const auto bias_at = [&](std::int64_t o) {
      double sum = 0.0;
      for (std::int64_t n = 0; n < dy.dim(0); ++n)
        for (std::int64_t i = 0; i < dy.dim(1); ++i)
          for (std::int64_t j = 0; j < dy.dim(2); ++j) sum += dout(n, i, j, o);
      return sum;
    };
    if (dweight) {
      const auto dw = elements<T, 4>(dweight.tensor);
      for (std::int64_t o = 0; o < dy.dim(3); ++o)
        for (std::int64_t c = 0; c < in_shape[3]; ++c)
          for (std::int64_t u = 0; u < down.kernel; ++u)
            for (std::int64_t v = 0; v < across.kernel; ++v)
              put(weight_at(o, c, u, v), dweight.write, dw(o, c, u, v));
    }
    if (dbias) {
      const auto db = elements<T, 1>(dbias.tensor);
      for (std::int64_t o = 0; o < dy.dim(3); ++o) put(bias_at(o), dbias.write, db(o));
    }
  });
}

}  // namespace ddim::engine::ref
