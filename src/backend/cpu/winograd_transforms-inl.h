// The transforms of winograd_simd.h. Included by winograd_simd.cpp, once for each instruction set.

#if defined(DDIM_CPU_WINOGRAD_TRANSFORMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_WINOGRAD_TRANSFORMS_INL_H
#undef DDIM_CPU_WINOGRAD_TRANSFORMS_INL_H
#else
#define DDIM_CPU_WINOGRAD_TRANSFORMS_INL_H
#endif

#include <hwy/highway.h>

#include "backend/cpu/winograd_simd.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::winograd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;
constexpr D d;
constexpr std::int64_t kVector = hn::MaxLanes(d);

HWY_INLINE V constant(float value) { return hn::Set(d, value); }

// The transforms of one row or column. Of Winograd's algorithm, those of points that are not zero
// or infinity come in pairs +p, -p, which share the even and the odd part of each polynomial.
//   input     t = B^T x: row p of B^T is the product of (z - q) over the other points q
//   output    y = A^T m: y[j] = sum over points p of p^j m[p]
//   weight    t = G g: row p of G is (1, p, p^2) / product of (p - q) over the other points q
//   gradient  t = A y, the transpose of output          (for the tiles that the gradient of the
//   weight_gradient  g = G^T t, the transpose of weight  weights has)
template <Axis kAxis>
struct Transforms;

/// Points 0, 1, -1, infinity.
template <>
struct Transforms<Axis::f2> {
  static HWY_INLINE void input(const V* HWY_RESTRICT x, V* HWY_RESTRICT t) {
    t[0] = hn::Sub(x[2], x[0]);
    t[1] = hn::Add(x[2], x[1]);
    t[2] = hn::Sub(x[2], x[1]);
    t[3] = hn::Sub(x[3], x[1]);
  }
  static HWY_INLINE void output(const V* HWY_RESTRICT m, V* HWY_RESTRICT y) {
    y[0] = hn::Add(m[0], hn::Add(m[1], m[2]));
    y[1] = hn::Add(hn::Sub(m[1], m[2]), m[3]);
  }
  static HWY_INLINE void weight(const V* HWY_RESTRICT g, V* HWY_RESTRICT t) {
    const V half_even = hn::Mul(constant(0.5F), hn::Add(g[0], g[2]));
    const V half_odd = hn::Mul(constant(0.5F), g[1]);
    t[0] = hn::Neg(g[0]);
    t[1] = hn::Add(half_even, half_odd);
    t[2] = hn::Sub(half_even, half_odd);
    t[3] = g[2];
  }
};

/// Points 0, 1/2, -1/2, 3/2, -3/2, infinity.
template <>
struct Transforms<Axis::f4> {
  static HWY_INLINE void input(const V* HWY_RESTRICT x, V* HWY_RESTRICT t) {
    const V even_half = hn::NegMulAdd(constant(2.25F), x[2], x[4]);
    const V odd_half = hn::NegMulAdd(constant(1.125F), x[1], hn::Mul(constant(0.5F), x[3]));
    const V even_three_halves = hn::NegMulAdd(constant(0.25F), x[2], x[4]);
    const V odd_three_halves = hn::NegMulAdd(constant(0.375F), x[1], hn::Mul(constant(1.5F), x[3]));
    t[0] = hn::MulAdd(constant(0.5625F), x[0], hn::NegMulAdd(constant(2.5F), x[2], x[4]));
    t[1] = hn::Add(even_half, odd_half);
    t[2] = hn::Sub(even_half, odd_half);
    t[3] = hn::Add(even_three_halves, odd_three_halves);
    t[4] = hn::Sub(even_three_halves, odd_three_halves);
    t[5] = hn::MulAdd(constant(0.5625F), x[1], hn::NegMulAdd(constant(2.5F), x[3], x[5]));
  }
  static HWY_INLINE void output(const V* HWY_RESTRICT m, V* HWY_RESTRICT y) {
    const V sum_half = hn::Add(m[1], m[2]);
    const V difference_half = hn::Sub(m[1], m[2]);
    const V sum_three_halves = hn::Add(m[3], m[4]);
    const V difference_three_halves = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(hn::Add(m[0], sum_half), sum_three_halves);
    y[1] = hn::MulAdd(constant(1.5F), difference_three_halves,
                      hn::Mul(constant(0.5F), difference_half));
    y[2] = hn::MulAdd(constant(2.25F), sum_three_halves, hn::Mul(constant(0.25F), sum_half));
    y[3] = hn::MulAdd(constant(3.375F), difference_three_halves,
                      hn::MulAdd(constant(0.125F), difference_half, m[5]));
  }
  static HWY_INLINE void gradient(const V* HWY_RESTRICT y, V* HWY_RESTRICT t) {
    const V even_half = hn::MulAdd(constant(0.25F), y[2], y[0]);
    const V odd_half = hn::MulAdd(constant(0.125F), y[3], hn::Mul(constant(0.5F), y[1]));
    const V even_three_halves = hn::MulAdd(constant(2.25F), y[2], y[0]);
    const V odd_three_halves = hn::MulAdd(constant(3.375F), y[3], hn::Mul(constant(1.5F), y[1]));
    t[0] = y[0];
    t[1] = hn::Add(even_half, odd_half);
    t[2] = hn::Sub(even_half, odd_half);
    t[3] = hn::Add(even_three_halves, odd_three_halves);
    t[4] = hn::Sub(even_three_halves, odd_three_halves);
    t[5] = y[3];
  }
  static HWY_INLINE void weight(const V* HWY_RESTRICT g, V* HWY_RESTRICT t) {
    const V even_half = hn::MulAdd(constant(-0.25F), g[2], hn::Neg(g[0]));
    const V odd_half = hn::Mul(constant(-0.5F), g[1]);
    const V even_three_halves =
        hn::MulAdd(constant(0.25F), g[2], hn::Mul(constant(1.0F / 9.0F), g[0]));
    const V odd_three_halves = hn::Mul(constant(1.0F / 6.0F), g[1]);
    t[0] = hn::Mul(constant(16.0F / 9.0F), g[0]);
    t[1] = hn::Add(even_half, odd_half);
    t[2] = hn::Sub(even_half, odd_half);
    t[3] = hn::Add(even_three_halves, odd_three_halves);
    t[4] = hn::Sub(even_three_halves, odd_three_halves);
    t[5] = g[2];
  }
  static HWY_INLINE void weight_gradient(const V* HWY_RESTRICT t, V* HWY_RESTRICT g) {
    const V sum_half = hn::Add(t[1], t[2]);
    const V difference_half = hn::Sub(t[1], t[2]);
    const V sum_three_halves = hn::Add(t[3], t[4]);
    const V difference_three_halves = hn::Sub(t[3], t[4]);
    g[0] = hn::MulAdd(constant(16.0F / 9.0F), t[0],
                      hn::MulAdd(constant(1.0F / 9.0F), sum_three_halves, hn::Neg(sum_half)));
    g[1] = hn::MulAdd(constant(1.0F / 6.0F), difference_three_halves,
                      hn::Mul(constant(-0.5F), difference_half));
    g[2] = hn::MulAdd(constant(0.25F), hn::Sub(sum_three_halves, sum_half), t[5]);
  }
};

/// See winograd_simd.h.
template <>
struct Transforms<Axis::upsample> {
  static HWY_INLINE void input(const V* HWY_RESTRICT x, V* HWY_RESTRICT t) {
    t[0] = hn::Sub(x[0], x[1]);
    t[1] = x[1];
    t[2] = hn::Sub(x[2], x[1]);
  }
  static HWY_INLINE void output(const V* HWY_RESTRICT m, V* HWY_RESTRICT y) {
    y[0] = hn::Add(m[0], m[1]);
    y[1] = hn::Add(m[1], m[2]);
  }
  static HWY_INLINE void gradient(const V* HWY_RESTRICT y, V* HWY_RESTRICT t) {
    t[0] = y[0];
    t[1] = hn::Add(y[0], y[1]);
    t[2] = y[1];
  }
  static HWY_INLINE void weight(const V* HWY_RESTRICT g, V* HWY_RESTRICT t) {
    t[0] = g[0];
    t[1] = hn::Add(hn::Add(g[0], g[1]), g[2]);
    t[2] = g[2];
  }
  static HWY_INLINE void weight_gradient(const V* HWY_RESTRICT t, V* HWY_RESTRICT g) {
    g[0] = hn::Add(t[0], t[1]);
    g[1] = t[1];
    g[2] = hn::Add(t[2], t[1]);
  }
};

/// Of a pixel that made y_2i and y_2i+1: x holds the gradients of y_2i-1 to y_2i+2, and the weights
/// are turned.
template <>
struct Transforms<Axis::upsample_gradient> {
  static HWY_INLINE void input(const V* HWY_RESTRICT x, V* HWY_RESTRICT t) {
    t[0] = hn::Sub(x[0], x[2]);
    t[1] = hn::Add(x[1], x[2]);
    t[2] = hn::Sub(x[3], x[1]);
  }
  static HWY_INLINE void output(const V* HWY_RESTRICT m, V* HWY_RESTRICT y) {
    y[0] = hn::Add(hn::Add(m[0], m[1]), m[2]);
  }
  static HWY_INLINE void weight(const V* HWY_RESTRICT g, V* HWY_RESTRICT t) {
    Transforms<Axis::upsample>::weight(g, t);
  }
};

/// out = R in C^T for the transforms R of the rows' axis and C of the columns'.
template <int kInRows, int kInColumns, int kOutRows, int kOutColumns, class Rows, class Columns>
HWY_INLINE void transform_2d(const Rows& rows, const Columns& columns,
                             const V (&in)[kInRows][kInColumns], V (&out)[kOutRows][kOutColumns]) {
  V half[kInColumns][kOutRows];
  for (int j = 0; j < kInColumns; ++j) {
    V column[kInRows];
    for (int i = 0; i < kInRows; ++i) column[i] = in[i][j];
    rows(column, half[j]);
  }
  for (int i = 0; i < kOutRows; ++i) {
    V row[kInColumns];
    for (int j = 0; j < kInColumns; ++j) row[j] = half[j][i];
    columns(row, out[i]);
  }
}

}  // namespace ddim::engine::cpu::winograd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
