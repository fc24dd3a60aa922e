#include "backend/cpu/elementwise_simd.h"

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_loops-inl.h"
#include "backend/cpu/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

void fill(float value, float* y, std::int64_t n) {
  for_each_vector<float>(
      n, [&](auto d, std::int64_t i) HWY_ATTR { hn::StoreU(hn::Set(d, value), d, y + i); });
}

void add(const float* a, const float* b, float* y, std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  });
}

void accumulate(const float* x, Write mode, float* y, std::int64_t n) {
  for_each_vector<float>(
      n, [&](auto d, std::int64_t i) HWY_ATTR { write(d, hn::LoadU(d, x + i), mode, y + i); });
}

void scale(float factor, const float* x, Write mode, float* y, std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    write(d, hn::Mul(hn::Set(d, factor), hn::LoadU(d, x + i)), mode, y + i);
  });
}

template <Activation activation>
void activate_as(const float* x, float* y, std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    hn::StoreU(activation_value<activation>(d, hn::LoadU(d, x + i)), d, y + i);
  });
}

template <Activation activation>
void activate_backward_as(const float* x, const float* dy, Write mode, float* dx, std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto slope = activation_slope<activation>(d, hn::LoadU(d, x + i));
    write(d, hn::Mul(hn::LoadU(d, dy + i), slope), mode, dx + i);
  });
}

void activate(Activation activation, const float* x, float* y, std::int64_t n) {
  with_activation(activation, [&](auto a) { activate_as<a()>(x, y, n); });
}

void activate_backward(Activation activation, const float* x, const float* dy, Write mode,
                       float* dx, std::int64_t n) {
  with_activation(activation, [&](auto a) { activate_backward_as<a()>(x, dy, mode, dx, n); });
}

void mix(float a, const float* x, float b, const float* z, float* y, std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto noise = hn::Mul(hn::Set(d, b), hn::LoadU(d, z + i));
    hn::StoreU(hn::MulAdd(hn::Set(d, a), hn::LoadU(d, x + i), noise), d, y + i);
  });
}

void scaled_difference(const float* prediction, const float* target, float factor, Write mode,
                       float* dprediction, std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto difference = hn::Sub(hn::LoadU(d, prediction + i), hn::LoadU(d, target + i));
    write(d, hn::Mul(hn::Set(d, factor), difference), mode, dprediction + i);
  });
}

void sampler_update(const SamplerUpdate& update, const float* x_t, const float* output,
                    const float* z, float* y, float* x0_pred, std::int64_t n) {
  const auto x0_from_x = static_cast<float>(update.x0_from_x);
  const auto x0_from_output = static_cast<float>(update.x0_from_output);
  const auto clip = static_cast<float>(update.clip);
  const auto x0_scale = static_cast<float>(update.x0_scale);
  const auto eps_from_x = static_cast<float>(update.eps_from_x);
  const auto eps_from_output = static_cast<float>(update.eps_from_output);
  const auto eps_from_x0 = static_cast<float>(update.eps_from_x0);
  const auto prev_from_x0 = static_cast<float>(update.prev_from_x0);
  const auto prev_from_eps = static_cast<float>(update.prev_from_eps);
  const auto prev_from_noise = static_cast<float>(update.prev_from_noise);
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto x = hn::LoadU(d, x_t + i);
    const auto out = hn::LoadU(d, output + i);
    auto x0 = hn::MulAdd(hn::Set(d, x0_from_output), out, hn::Mul(hn::Set(d, x0_from_x), x));
    // Not Min and Max, which would turn a NaN into a number.
    x0 = hn::IfThenElse(hn::Gt(x0, hn::Set(d, clip)), hn::Set(d, clip), x0);
    x0 = hn::IfThenElse(hn::Lt(x0, hn::Set(d, -clip)), hn::Set(d, -clip), x0);
    x0 = hn::Mul(hn::Set(d, x0_scale), x0);
    auto eps = hn::Mul(hn::Set(d, eps_from_x), x);
    eps = hn::MulAdd(hn::Set(d, eps_from_x0), x0, eps);
    eps = hn::MulAdd(hn::Set(d, eps_from_output), out, eps);
    auto next = hn::Mul(hn::Set(d, prev_from_eps), eps);
    if (z != nullptr) next = hn::MulAdd(hn::Set(d, prev_from_noise), hn::LoadU(d, z + i), next);
    next = hn::MulAdd(hn::Set(d, prev_from_x0), x0, next);
    hn::StoreU(next, d, y + i);
    if (x0_pred != nullptr) hn::StoreU(x0, d, x0_pred + i);
  });
}

void linear_combination(std::span<const float> factors, const float* const* terms, float* y,
                        std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    auto sum = hn::Mul(hn::Set(d, factors[0]), hn::LoadU(d, terms[0] + i));
    for (std::size_t k = 1; k < factors.size(); ++k)
      sum = hn::MulAdd(hn::Set(d, factors[k]), hn::LoadU(d, terms[k] + i), sum);
    hn::StoreU(sum, d, y + i);
  });
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::simd {

HWY_EXPORT(fill);
HWY_EXPORT(add);
HWY_EXPORT(accumulate);
HWY_EXPORT(scale);
HWY_EXPORT(activate);
HWY_EXPORT(activate_backward);
HWY_EXPORT(mix);
HWY_EXPORT(scaled_difference);
HWY_EXPORT(sampler_update);
HWY_EXPORT(linear_combination);

void fill(float value, float* y, std::int64_t n) { HWY_DYNAMIC_DISPATCH(fill)(value, y, n); }

void add(const float* a, const float* b, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(add)(a, b, y, n);
}

void accumulate(const float* x, Write mode, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(accumulate)(x, mode, y, n);
}

void scale(float factor, const float* x, Write mode, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(scale)(factor, x, mode, y, n);
}

void activate(Activation activation, const float* x, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(activate)(activation, x, y, n);
}

void activate_backward(Activation activation, const float* x, const float* dy, Write mode,
                       float* dx, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(activate_backward)(activation, x, dy, mode, dx, n);
}

void mix(float a, const float* x, float b, const float* z, float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(mix)(a, x, b, z, y, n);
}

void scaled_difference(const float* prediction, const float* target, float factor, Write mode,
                       float* dprediction, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(scaled_difference)(prediction, target, factor, mode, dprediction, n);
}

void sampler_update(const SamplerUpdate& update, const float* x_t, const float* output,
                    const float* z, float* y, float* x0_pred, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(sampler_update)(update, x_t, output, z, y, x0_pred, n);
}

void linear_combination(std::span<const float> factors, const float* const* terms, float* y,
                        std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(linear_combination)(factors, terms, y, n);
}

}  // namespace ddim::engine::cpu::simd
#endif  // HWY_ONCE
