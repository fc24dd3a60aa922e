#include "backend/cpu/norm_simd.h"

#include <algorithm>

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/norm_simd.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_loops-inl.h"
#include "backend/cpu/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

constexpr std::int64_t kTilePixels = 16;

/// Calls body(pixels, first) for tiles of a few pixels, which stay in the first-level cache while
/// the channels are gone through one vector after the other.
template <class Body>
HWY_INLINE void for_each_pixel_tile(std::int64_t num_pixels, const Body& body) {
  for (std::int64_t p = 0; p < num_pixels; p += kTilePixels) {
    body(std::min(kTilePixels, num_pixels - p), p);
  }
}

/// sum[i] += value[i], for float or double lanes.
template <class D>
HWY_INLINE void add_to(D d, hn::Vec<D> value, double* sum) {
  if constexpr (hwy::IsSame<hn::TFromD<D>, double>()) {
    hn::StoreU(hn::Add(hn::LoadU(d, sum), value), d, sum);
  } else if constexpr (hn::MaxLanes(d) == 1) {
    const hn::CappedTag<double, 1> one;
    add_to(one, hn::PromoteTo(one, value), sum);
  } else {
    const hn::Half<D> half;
    const hn::Rebind<double, decltype(half)> dd;
    add_to(dd, hn::PromoteTo(dd, hn::LowerHalf(half, value)), sum);
    add_to(dd, hn::PromoteTo(dd, hn::UpperHalf(half, value)), sum + hn::Lanes(dd));
  }
}

/// Adds kVectors vectors of channels of some pixels, and their squares.
template <int kVectors, class D>
HWY_INLINE void add_moments(D d, std::int64_t pixels, std::int64_t pixel_stride,
                            const float* HWY_RESTRICT x, double* sum, double* sum_of_squares) {
  const hn::Rebind<float, D> df;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Vec<D> s[kVectors];
  hn::Vec<D> squares[kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) s[i] = squares[i] = hn::Zero(d);
  for (std::int64_t p = 0; p < pixels; ++p, x += pixel_stride) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) {
      hwy::Prefetch(x + kTilePixels * pixel_stride + i * lanes);
      const auto v = hn::PromoteTo(d, hn::LoadU(df, x + i * lanes));
      s[i] = hn::Add(s[i], v);
      squares[i] = hn::MulAdd(v, v, squares[i]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) {
    add_to(d, s[i], sum + i * lanes);
    add_to(d, squares[i], sum_of_squares + i * lanes);
  }
}

void channel_moments(const ChannelBlock& block, const float* x, double* sum,
                     double* sum_of_squares) {
  std::fill_n(sum, block.channels, 0.0);
  std::fill_n(sum_of_squares, block.channels, 0.0);
  // In double throughout: squares of floats are exact, and nothing is lost when the mean is large
  // against the standard deviation.
  const hn::ScalableTag<double> d;
  constexpr std::int64_t kTogether = 4;  // vectors, as additions wait for those before them
  const std::int64_t step = kTogether * static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t together = block.channels / step * step;
  for_each_pixel_tile(block.pixels, [&](std::int64_t pixels, std::int64_t first) HWY_ATTR {
    const std::int64_t offset = first * block.pixel_stride;
    for (std::int64_t c = 0; c < together; c += step) {
      add_moments<kTogether>(d, pixels, block.pixel_stride, x + offset + c, sum + c,
                             sum_of_squares + c);
    }
    for_each_vector<double>(block.channels - together, [&](auto tag, std::int64_t i) HWY_ATTR {
      const std::int64_t c = together + i;
      add_moments<1>(tag, pixels, block.pixel_stride, x + offset + c, sum + c, sum_of_squares + c);
    });
  });
}

void channel_sums(const ChannelBlock& block, const float* x, double* sum) {
  std::fill_n(sum, block.channels, 0.0);
  for_each_pixel_tile(block.pixels, [&](std::int64_t pixels, std::int64_t first) HWY_ATTR {
    const std::int64_t offset = first * block.pixel_stride;
    for_each_vector<double>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const hn::Rebind<float, decltype(d)> df;
      auto s = hn::Zero(d);
      const float* HWY_RESTRICT column = x + offset + c;
      for (std::int64_t p = 0; p < pixels; ++p) {
        s = hn::Add(s, hn::PromoteTo(d, hn::LoadU(df, column + p * block.pixel_stride)));
      }
      add_to(d, s, sum + c);
    });
  });
}

/// One vector of a channel block, its mean taken off, and the gradient at the norm's output.
template <class V>
struct Centred {
  V value;
  V du;
};
template <Activation activation, class D, class V = hn::Vec<D>>
HWY_INLINE Centred<V> centre(D d, const ChannelNorm& norm, std::int64_t c, const float* x,
                             const float* dy) {
  const V value = hn::Sub(hn::LoadU(d, x), hn::LoadU(d, norm.mean + c));
  const V slope = hn::LoadU(d, dy);
  if constexpr (activation == Activation::none) return {value, slope};
  const V u = hn::MulAdd(value, hn::LoadU(d, norm.u_scale + c), hn::LoadU(d, norm.beta + c));
  return {value, hn::Mul(slope, activation_slope<activation>(d, u))};
}

template <Activation activation>
void normalise_as(const NormBlock& block, const ChannelNorm& norm, const float* x, float* y) {
  for (std::int64_t p = 0; p < block.pixels; ++p) {
    const float* x_p = x + p * block.x_stride;
    float* y_p = y + p * block.y_stride;
    for_each_vector<float>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(d, x_p + c), hn::LoadU(d, norm.mean + c));
      const auto u =
          hn::MulAdd(centred, hn::LoadU(d, norm.u_scale + c), hn::LoadU(d, norm.beta + c));
      hn::StoreU(activation_value<activation>(d, u), d, y_p + c);
    });
  }
}

template <Activation activation>
void gradient_sums_as(const NormBlock& block, const ChannelNorm& norm, const float* x,
                      const float* dy, double* sum_du, double* sum_du_centred) {
  // In float within a tile, in double over the tiles.
  for_each_pixel_tile(block.pixels, [&](std::int64_t pixels, std::int64_t first) HWY_ATTR {
    for_each_vector<float>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      auto sum = hn::Zero(d);
      auto sum_centred = hn::Zero(d);
      for (std::int64_t p = first; p < first + pixels; ++p) {
        const float* const x_p = x + p * block.x_stride + c;
        const float* const dy_p = dy + p * block.y_stride + c;
        hwy::Prefetch(x_p + kTilePixels * block.x_stride);
        hwy::Prefetch(dy_p + kTilePixels * block.y_stride);
        const auto [centred, du] = centre<activation>(d, norm, c, x_p, dy_p);
        sum = hn::Add(sum, du);
        sum_centred = hn::MulAdd(du, centred, sum_centred);
      }
      add_to(d, sum, sum_du + c);
      add_to(d, sum_centred, sum_du_centred + c);
    });
  });
}

template <Activation activation>
void gradient_as(const NormBlock& block, const ChannelNorm& norm, const NormGradient& gradient,
                 const float* x, const float* dy, Write mode, float* dx) {
  for (std::int64_t p = 0; p < block.pixels; ++p) {
    const std::int64_t x_row = p * block.x_stride;
    const std::int64_t dy_row = p * block.y_stride;
    for_each_vector<float>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const auto [centred, du] = centre<activation>(d, norm, c, x + x_row + c, dy + dy_row + c);
      auto result = hn::MulAdd(centred, hn::LoadU(d, gradient.from_centred + c),
                               hn::LoadU(d, gradient.constant + c));
      result = hn::MulAdd(du, hn::LoadU(d, norm.u_scale + c), result);
      write(d, result, mode, dx + x_row + c);
    });
  }
}

void normalise(const NormBlock& block, const ChannelNorm& norm, Activation activation,
               const float* x, float* y) {
  with_activation(activation, [&](auto a) { normalise_as<a()>(block, norm, x, y); });
}

void norm_gradient_sums(const NormBlock& block, const ChannelNorm& norm, Activation activation,
                        const float* x, const float* dy, double* sum_du, double* sum_du_centred) {
  std::fill_n(sum_du, block.channels, 0.0);
  std::fill_n(sum_du_centred, block.channels, 0.0);
  with_activation(activation, [&](auto a) {
    gradient_sums_as<a()>(block, norm, x, dy, sum_du, sum_du_centred);
  });
}

void norm_gradient(const NormBlock& block, const ChannelNorm& norm, Activation activation,
                   const NormGradient& gradient, const float* x, const float* dy, Write mode,
                   float* dx) {
  with_activation(activation,
                  [&](auto a) { gradient_as<a()>(block, norm, gradient, x, dy, mode, dx); });
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::simd {

HWY_EXPORT(channel_moments);
HWY_EXPORT(channel_sums);
HWY_EXPORT(normalise);
HWY_EXPORT(norm_gradient_sums);
HWY_EXPORT(norm_gradient);

void channel_moments(const ChannelBlock& block, const float* x, double* sum,
                     double* sum_of_squares) {
  HWY_DYNAMIC_DISPATCH(channel_moments)(block, x, sum, sum_of_squares);
}

void channel_sums(const ChannelBlock& block, const float* x, double* sum) {
  HWY_DYNAMIC_DISPATCH(channel_sums)(block, x, sum);
}

void normalise(const NormBlock& block, const ChannelNorm& norm, Activation activation,
               const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(normalise)(block, norm, activation, x, y);
}

void norm_gradient_sums(const NormBlock& block, const ChannelNorm& norm, Activation activation,
                        const float* x, const float* dy, double* sum_du, double* sum_du_centred) {
  HWY_DYNAMIC_DISPATCH(norm_gradient_sums)(block, norm, activation, x, dy, sum_du, sum_du_centred);
}

void norm_gradient(const NormBlock& block, const ChannelNorm& norm, Activation activation,
                   const NormGradient& gradient, const float* x, const float* dy, Write mode,
                   float* dx) {
  HWY_DYNAMIC_DISPATCH(norm_gradient)(block, norm, activation, gradient, x, dy, mode, dx);
}

}  // namespace ddim::engine::cpu::simd
#endif  // HWY_ONCE
