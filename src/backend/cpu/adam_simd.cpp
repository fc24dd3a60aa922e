#include "backend/cpu/adam_simd.h"

#include <cmath>

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/adam_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

/// average + weight (value - average): an exponential moving average written so that rounding
/// `weight` to float moves no fixed point. With decay * average + (1 - decay) * value the two
/// rounded weights do not add up to 1, which a decay of 0.9999 amplifies to an error of 3e-4.
template <class D, class V>
HWY_INLINE V moved_towards(D d, V average, V value, double weight) {
  return hn::MulAdd(hn::Set(d, static_cast<float>(weight)), hn::Sub(value, average), average);
}

void adam(const AdamUpdate& update, const float* grad, float* parameter, float* m, float* v,
          float* ema, std::int64_t n) {
  const auto steps = static_cast<double>(update.step);
  const double correction1 = 1.0 - std::pow(update.beta1, steps);
  const double correction2 = 1.0 - std::pow(update.beta2, steps);
  const auto grad_scale = static_cast<float>(update.grad_scale);
  const auto step_size = static_cast<float>(update.learning_rate / correction1);
  const auto root_scale = static_cast<float>(1.0 / std::sqrt(correction2));
  const auto epsilon = static_cast<float>(update.epsilon);
  const auto lost = static_cast<float>(update.learning_rate * update.weight_decay);
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto g = hn::Mul(hn::LoadU(d, grad + i), hn::Set(d, grad_scale));
    const auto m_new = moved_towards(d, hn::LoadU(d, m + i), g, 1.0 - update.beta1);
    const auto v_new = moved_towards(d, hn::LoadU(d, v + i), hn::Mul(g, g), 1.0 - update.beta2);
    const auto root = hn::MulAdd(hn::Sqrt(v_new), hn::Set(d, root_scale), hn::Set(d, epsilon));
    const auto step = hn::Div(hn::Mul(hn::Set(d, step_size), m_new), root);
    const auto p_old = hn::LoadU(d, parameter + i);
    // p - lost p: 1 - lost would be rounded to float, and many steps would add that up.
    const auto kept = lost == 0.0F ? p_old : hn::NegMulAdd(hn::Set(d, lost), p_old, p_old);
    const auto p = hn::Sub(kept, step);
    hn::StoreU(m_new, d, m + i);
    hn::StoreU(v_new, d, v + i);
    hn::StoreU(p, d, parameter + i);
    if (ema != nullptr) {
      hn::StoreU(moved_towards(d, hn::LoadU(d, ema + i), p, 1.0 - update.ema_decay), d, ema + i);
    }
  });
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::simd {

HWY_EXPORT(adam);

void adam(const AdamUpdate& update, const float* grad, float* parameter, float* m, float* v,
          float* ema, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(adam)(update, grad, parameter, m, v, ema, n);
}

}  // namespace ddim::engine::cpu::simd
#endif  // HWY_ONCE
