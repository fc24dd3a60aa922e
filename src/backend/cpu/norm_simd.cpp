#include "backend/cpu/norm_simd.h"

#include <algorithm>

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/norm_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_loops-inl.h"
#include "backend/cpu/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::cpu::simd::HWY_NAMESPACE {

/// Calls body(tile, x_offset) for tiles of a few pixels, which stay in the first-level cache while
/// the channels are gone through one vector after the other.
template <class Body>
HWY_INLINE void for_each_pixel_tile(const ChannelBlock& block, const Body& body) {
  constexpr std::int64_t kTilePixels = 16;
  for (std::int64_t p = 0; p < block.pixels; p += kTilePixels) {
    body(std::min(kTilePixels, block.pixels - p), p * block.pixel_stride);
  }
}

/// sum[i] += value, which has float or double lanes.
template <class D>
HWY_INLINE void add_to(D d, hn::Vec<D> value, double* sum) {
  hn::StoreU(hn::Add(hn::LoadU(d, sum), value), d, sum);
}

void channel_moments(const ChannelBlock& block, const float* x, double* sum,
                     double* sum_of_squares) {
  std::fill_n(sum, block.channels, 0.0);
  std::fill_n(sum_of_squares, block.channels, 0.0);
  // In double throughout: squares of floats are exact, and nothing is lost when the mean is large
  // against the standard deviation.
  for_each_pixel_tile(block, [&](std::int64_t pixels, std::int64_t offset) HWY_ATTR {
    for_each_vector<double>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const hn::Rebind<float, decltype(d)> df;
      auto s = hn::Zero(d);
      auto squares = hn::Zero(d);
      const float* HWY_RESTRICT column = x + offset + c;
      for (std::int64_t p = 0; p < pixels; ++p) {
        const auto v = hn::PromoteTo(d, hn::LoadU(df, column + p * block.pixel_stride));
        s = hn::Add(s, v);
        squares = hn::MulAdd(v, v, squares);
      }
      add_to(d, s, sum + c);
      add_to(d, squares, sum_of_squares + c);
    });
  });
}

void channel_sums(const ChannelBlock& block, const float* x, double* sum) {
  std::fill_n(sum, block.channels, 0.0);
  for_each_pixel_tile(block, [&](std::int64_t pixels, std::int64_t offset) HWY_ATTR {
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

template <Activation activation>
HWY_INLINE void affine_rows(const ChannelBlock& block, const float* x, const float* scale,
                            const float* shift, float* y) {
  for (std::int64_t p = 0; p < block.pixels; ++p) {
    const float* x_p = x + p * block.pixel_stride;
    float* y_p = y + p * block.pixel_stride;
    for_each_vector<float>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      auto v = hn::MulAdd(hn::LoadU(d, x_p + c), hn::LoadU(d, scale + c), hn::LoadU(d, shift + c));
      if constexpr (activation == Activation::silu) v = silu_value(d, v);
      hn::StoreU(v, d, y_p + c);
    });
  }
}

void channel_affine(const ChannelBlock& block, const float* x, const float* scale,
                    const float* shift, Activation activation, float* y) {
  if (activation == Activation::silu) {
    affine_rows<Activation::silu>(block, x, scale, shift, y);
  } else {
    affine_rows<Activation::none>(block, x, scale, shift, y);
  }
}

/// du of one vector of a channel block: dy * activation'(u_scale x + u_shift).
template <Activation activation, class D, class V>
HWY_INLINE V gradient_of_norm_output(D d, const NormChannels& norm, std::int64_t c, V x, V dy) {
  if constexpr (activation == Activation::none) return dy;
  const V u = hn::MulAdd(x, hn::LoadU(d, norm.u_scale + c), hn::LoadU(d, norm.u_shift + c));
  return hn::Mul(dy, silu_slope(d, u));
}

template <Activation activation>
HWY_INLINE void gradient_sums(const ChannelBlock& block, const NormChannels& norm, const float* x,
                              const float* dy, double* sum_du, double* sum_du_x_hat) {
  // In float within a tile, in double over the tiles.
  for_each_pixel_tile(block, [&](std::int64_t pixels, std::int64_t offset) HWY_ATTR {
    for_each_vector<double>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const hn::Rebind<float, decltype(d)> df;
      const auto x_hat_scale = hn::LoadU(df, norm.x_hat_scale + c);
      const auto x_hat_shift = hn::LoadU(df, norm.x_hat_shift + c);
      auto sum = hn::Zero(df);
      auto sum_x_hat = hn::Zero(df);
      for (std::int64_t p = 0; p < pixels; ++p) {
        const std::int64_t i = offset + p * block.pixel_stride + c;
        const auto v = hn::LoadU(df, x + i);
        const auto du = gradient_of_norm_output<activation>(df, norm, c, v, hn::LoadU(df, dy + i));
        sum = hn::Add(sum, du);
        sum_x_hat = hn::MulAdd(du, hn::MulAdd(v, x_hat_scale, x_hat_shift), sum_x_hat);
      }
      add_to(d, hn::PromoteTo(d, sum), sum_du + c);
      add_to(d, hn::PromoteTo(d, sum_x_hat), sum_du_x_hat + c);
    });
  });
}

void norm_gradient_sums(const ChannelBlock& block, const NormChannels& norm, Activation activation,
                        const float* x, const float* dy, double* sum_du, double* sum_du_x_hat) {
  std::fill_n(sum_du, block.channels, 0.0);
  std::fill_n(sum_du_x_hat, block.channels, 0.0);
  if (activation == Activation::silu) {
    gradient_sums<Activation::silu>(block, norm, x, dy, sum_du, sum_du_x_hat);
  } else {
    gradient_sums<Activation::none>(block, norm, x, dy, sum_du, sum_du_x_hat);
  }
}

template <Activation activation>
HWY_INLINE void gradient_rows(const ChannelBlock& block, const NormChannels& norm,
                              const NormGradient& gradient, const float* x, const float* dy,
                              Write mode, float* dx) {
  for (std::int64_t p = 0; p < block.pixels; ++p) {
    const std::int64_t row = p * block.pixel_stride;
    for_each_vector<float>(block.channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const auto v = hn::LoadU(d, x + row + c);
      const auto du =
          gradient_of_norm_output<activation>(d, norm, c, v, hn::LoadU(d, dy + row + c));
      auto result =
          hn::MulAdd(v, hn::LoadU(d, gradient.from_x + c), hn::LoadU(d, gradient.constant + c));
      result = hn::MulAdd(du, hn::LoadU(d, gradient.from_du + c), result);
      write(d, result, mode, dx + row + c);
    });
  }
}

void norm_gradient(const ChannelBlock& block, const NormChannels& norm, Activation activation,
                   const NormGradient& gradient, const float* x, const float* dy, Write mode,
                   float* dx) {
  if (activation == Activation::silu) {
    gradient_rows<Activation::silu>(block, norm, gradient, x, dy, mode, dx);
  } else {
    gradient_rows<Activation::none>(block, norm, gradient, x, dy, mode, dx);
  }
}

}  // namespace ddim::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::cpu::simd {

HWY_EXPORT(channel_moments);
HWY_EXPORT(channel_sums);
HWY_EXPORT(channel_affine);
HWY_EXPORT(norm_gradient_sums);
HWY_EXPORT(norm_gradient);

void channel_moments(const ChannelBlock& block, const float* x, double* sum,
                     double* sum_of_squares) {
  HWY_DYNAMIC_DISPATCH(channel_moments)(block, x, sum, sum_of_squares);
}

void channel_sums(const ChannelBlock& block, const float* x, double* sum) {
  HWY_DYNAMIC_DISPATCH(channel_sums)(block, x, sum);
}

void channel_affine(const ChannelBlock& block, const float* x, const float* scale,
                    const float* shift, Activation activation, float* y) {
  HWY_DYNAMIC_DISPATCH(channel_affine)(block, x, scale, shift, activation, y);
}

void norm_gradient_sums(const ChannelBlock& block, const NormChannels& norm, Activation activation,
                        const float* x, const float* dy, double* sum_du, double* sum_du_x_hat) {
  HWY_DYNAMIC_DISPATCH(norm_gradient_sums)(block, norm, activation, x, dy, sum_du, sum_du_x_hat);
}

void norm_gradient(const ChannelBlock& block, const NormChannels& norm, Activation activation,
                   const NormGradient& gradient, const float* x, const float* dy, Write mode,
                   float* dx) {
  HWY_DYNAMIC_DISPATCH(norm_gradient)(block, norm, activation, gradient, x, dy, mode, dx);
}

}  // namespace ddim::cpu::simd
#endif  // HWY_ONCE
