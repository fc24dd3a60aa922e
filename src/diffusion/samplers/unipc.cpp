#include <cmath>

#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
namespace {

constexpr std::size_t kHistory = 3;

/// One leg in lambda = log_snr / 2, the terms of the paper's algorithms for predicted x_0:
///   x_prev = ratio x - scale (m0 + sum_k rho_k D_k),  D_k = (m_k - m0) / r_k.
struct LegTerms {
  double ratio, scale;
  double h;
  double r1;  ///< (lambda of the leg before - lambda) / h, negative; 0 in the first leg
};

LegTerms terms_of(const Route& route, std::size_t index) {
  const Leg& leg = route.legs[index];
  const double from = 0.5 * log_snr(leg.alpha_bar);
  const double h = 0.5 * log_snr(leg.alpha_bar_prev) - from;
  LegTerms terms{.ratio = std::sqrt((1.0 - leg.alpha_bar_prev) / (1.0 - leg.alpha_bar)),
                 .scale = std::sqrt(leg.alpha_bar_prev) * std::expm1(-h),
                 .h = h,
                 .r1 = 0.0};
  if (index > 0) terms.r1 = (0.5 * log_snr(route.legs[index - 1].alpha_bar) - from) / h;
  return terms;
}

/// UniP, order 2, or 1 in the first leg and in one that ends at the clean image: from the corrected
/// state at the leg's beginning.
Combination predictor(const Route& route, std::size_t index) {
  const LegTerms terms = terms_of(route, index);
  Combination next{.base = terms.ratio};
  double& m0 = next.directions[index % kHistory];
  m0 = -terms.scale;
  if (index == 0 || route.legs[index].t_prev < 0.0) return next;
  const double from_m1 = -terms.scale * 0.5 / terms.r1;
  next.directions[(index - 1) % kHistory] = from_m1;
  m0 -= from_m1;
  return next;
}

/// UniC: the leg `index` once more, now that the network was asked at its end (slot index+1).
Combination corrector(const Route& route, std::size_t index) {
  const LegTerms terms = terms_of(route, index);
  const double m0 = -terms.scale;
  double rho_1 = 0.0, rho_end = 0.5;
  if (index > 0) {
    // rho_1 + rho_end = b1, r1 rho_1 + rho_end = b2, with B(h) = e^-h - 1.
    const double hh = -terms.h, B = std::expm1(hh);
    const double phi2 = B / hh - 1.0;
    const double b1 = phi2 / B, b2 = (phi2 / hh - 0.5) * 2.0 / B;
    rho_1 = (b2 - b1) / (terms.r1 - 1.0);
    rho_end = b1 - rho_1;
  }
  Combination base{.base = terms.ratio};
  base.directions[(index + 1) % kHistory] = m0 * rho_end;
  base.directions[index % kHistory] = m0 * (1.0 - rho_end);
  if (index > 0) {
    base.directions[index % kHistory] -= m0 * rho_1 / terms.r1;
    base.directions[(index - 1) % kHistory] = m0 * rho_1 / terms.r1;
  }
  return base;
}

}  // namespace

std::vector<PlanStep> unipc_steps(const Route& route) {
  std::vector<PlanStep> steps;
  for (std::size_t i = 0; i < route.legs.size(); ++i) {
    PlanStep step = begin_multistep(route, route.legs[i], Direction::x0, i % kHistory);
    step.multistep->base = i > 0 ? corrector(route, i - 1) : Combination{.x = 1.0};
    step.multistep->next = predictor(route, i);
    steps.push_back(step);
  }
  return steps;
}

}  // namespace ddim::engine::diffusion
