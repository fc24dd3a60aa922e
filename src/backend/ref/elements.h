#pragma once

#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include "tensor/kernels.h"

namespace ddim::engine::ref {

/// The elements of a dense tensor by their indices: x(n, i, j, c).
template <class T, std::size_t Rank>
class Elements {
 public:
  Elements(T* data, const Shape& shape) : data_(data) {
    assert(static_cast<std::size_t>(shape.rank()) == Rank);
    for (std::size_t axis = 0; axis < Rank; ++axis) dims_[axis] = shape[static_cast<int>(axis)];
  }

  template <class... Indices>
  T& operator()(Indices... indices) const {
    static_assert(sizeof...(Indices) == Rank);
    std::int64_t offset = 0;
    std::size_t axis = 0;
    ((offset = offset * dims_[axis++] + indices), ...);
    return data_[offset];
  }

 private:
  T* data_;
  std::array<std::int64_t, Rank> dims_{};
};

template <class T, std::size_t Rank>
Elements<const T, Rank> elements(const Tensor& x) {
  return {x.data<T>(), x.shape()};
}
template <class T, std::size_t Rank>
Elements<T, Rank> elements(Tensor& x) {
  return {x.data<T>(), x.shape()};
}

/// Calls body.operator()<T>() with the element type of `x`.
template <class Body>
decltype(auto) with_element_type(const Tensor& x, Body body) {
  return x.dtype() == DType::f32 ? body.template operator()<float>()
                                 : body.template operator()<double>();
}

/// Writes or adds a gradient. Everything is computed in double and rounded once, here.
template <class T>
void put(double value, Write write, T& slot) {
  slot = static_cast<T>(write == Write::accumulate ? static_cast<double>(slot) + value : value);
}

/// 1 / (1 + e^-x)
inline double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// The standard normal distribution function.
inline double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// tanh(log(1 + e^x)), which is mish without its factor x.
inline double tanh_softplus(double x) { return std::tanh(x > 30.0 ? x : std::log1p(std::exp(x))); }

inline double activation_value(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::mish:
      return x * tanh_softplus(x);
    case Activation::gelu:
      return x * normal_cdf(x);
    case Activation::relu:
      return x < 0.0 ? 0.0 : x;
  }
  return x;
}

/// The derivative of activation_value(); 0 for relu at 0, as in PyTorch.
inline double activation_slope(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return 1.0;
    case Activation::silu: {
      const double s = sigmoid(x);
      return s * (1.0 + x * (1.0 - s));
    }
    case Activation::mish: {
      const double w = tanh_softplus(x);
      return w + x * sigmoid(x) * (1.0 - w * w);
    }
    case Activation::gelu:
      return normal_cdf(x) +
             x * std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    case Activation::relu:
      return x > 0.0 ? 1.0 : 0.0;
  }
  return 1.0;
}

}  // namespace ddim::engine::ref
