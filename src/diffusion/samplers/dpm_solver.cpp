#include <algorithm>
#include <cmath>
#include <utility>

#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
namespace {

constexpr std::size_t kHistory = 3, kMiddleSlot = 3;

/// lambda of the paper, half the log SNR; infinite for the clean image.
double lambda(double alpha_bar) { return 0.5 * log_snr(alpha_bar); }

/// x_prev = (sigma_prev / sigma) x + factor D, D a mean of predicted x_0 of which `weights` are the
/// parts that lie in the slots (paper, eq. 9: the integral of e^lambda).
Combination exponential_step(double alpha_bar, double alpha_bar_prev,
                             const std::array<double, kNumSlots>& weights) {
  const double h = lambda(alpha_bar_prev) - lambda(alpha_bar);
  Combination next;
  next.x = std::sqrt((1.0 - alpha_bar_prev) / (1.0 - alpha_bar));
  for (std::size_t k = 0; k < kNumSlots; ++k)
    next.directions[k] = -std::sqrt(alpha_bar_prev) * std::expm1(-h) * weights[k];
  return next;
}

/// D from the last `order` predictions: for order 2 D0 + (D0 - D1) / (2 r), as the paper has it.
/// For order 3 the integral of e^lambda times the parabola through the three, exactly. The authors'
/// and diffusers' code give its curvature half the weight, which makes theirs a method of order 2.
std::array<double, kNumSlots> multistep_weights(const Route& route, std::size_t index,
                                                std::size_t order) {
  const auto lambda_of = [&](std::size_t i) { return lambda(route.legs[i].alpha_bar); };
  const auto slot = [&](std::size_t age) { return (index - age) % kHistory; };
  std::array<double, kNumSlots> weights = {};
  weights[slot(0)] = 1.0;
  if (order == 1) return weights;
  const double h = lambda(route.legs[index].alpha_bar_prev) - lambda_of(index);
  const double r0 = (lambda_of(index) - lambda_of(index - 1)) / h;
  if (order == 2) {
    weights[slot(0)] += 0.5 / r0;
    weights[slot(1)] -= 0.5 / r0;
    return weights;
  }
  // As parts of D, so divided by the common factor -expm1(-h).
  const double r1 = (lambda_of(index - 1) - lambda_of(index - 2)) / h;
  const double phi1 = std::expm1(-h);
  const double slope_factor = -(phi1 / h + 1.0) / phi1;
  const double curvature_factor = 2.0 * ((phi1 + h) / (h * h) - 0.5) / phi1;
  // D' = a + r0/(r0+r1) (a - b), D'' = (a - b)/(r0+r1); a = (D0 - D1)/r0, b = (D1 - D2)/r1
  const double from_a = slope_factor * (1.0 + r0 / (r0 + r1)) + curvature_factor / (r0 + r1);
  const double from_b = -slope_factor * r0 / (r0 + r1) - curvature_factor / (r0 + r1);
  weights[slot(0)] += from_a / r0;
  weights[slot(1)] += from_b / r1 - from_a / r0;
  weights[slot(2)] -= from_b / r1;
  return weights;
}

/// DPM-Solver++(2S) with r = 1/2: to the middle in lambda, then all the way by what is found there.
void append_singlestep(const Route& route, const Leg& leg, std::vector<PlanStep>& steps) {
  const double middle_log_snr = 0.5 * (log_snr(leg.alpha_bar) + log_snr(leg.alpha_bar_prev));
  const double t = route.schedule.t_at_log_snr(middle_log_snr);
  const Leg to_middle{.t = leg.t,
                      .t_prev = t,
                      .alpha_bar = leg.alpha_bar,
                      .alpha_bar_prev = route.schedule.alpha_bar_at(t)};
  const Leg from_middle{.t = t,
                        .t_prev = leg.t_prev,
                        .alpha_bar = to_middle.alpha_bar_prev,
                        .alpha_bar_prev = leg.alpha_bar_prev};
  std::array<double, kNumSlots> first = {}, middle = {};
  first[0] = middle[kMiddleSlot] = 1.0;
  PlanStep step = begin_multistep(route, to_middle, Direction::x0, 0);
  step.multistep->base = Combination{.x = 1.0};
  step.multistep->next = exponential_step(leg.alpha_bar, to_middle.alpha_bar_prev, first);
  steps.push_back(step);
  step = begin_multistep(route, from_middle, Direction::x0, kMiddleSlot);
  step.multistep->next = exponential_step(leg.alpha_bar, leg.alpha_bar_prev, middle);
  std::swap(step.multistep->next.x, step.multistep->next.base);
  steps.push_back(step);
}

/// A leg to the clean image is one of order 1: it lands on the predicted x_0.
std::vector<PlanStep> dpmpp_steps(const Route& route, std::size_t max_order) {
  std::vector<PlanStep> steps;
  for (std::size_t i = 0; i < route.legs.size(); ++i) {
    const Leg& leg = route.legs[i];
    const bool is_last = leg.t_prev < 0.0;
    if (max_order == 3 && i == 0 && !is_last) {
      append_singlestep(route, leg, steps);
      continue;
    }
    const std::size_t order = is_last ? 1 : std::min(max_order, i + 1);
    PlanStep step = begin_multistep(route, leg, Direction::x0, i % kHistory);
    step.multistep->next =
        exponential_step(leg.alpha_bar, leg.alpha_bar_prev, multistep_weights(route, i, order));
    steps.push_back(step);
  }
  return steps;
}

}  // namespace

std::vector<PlanStep> dpmpp_2m_steps(const Route& route) { return dpmpp_steps(route, 2); }
std::vector<PlanStep> dpmpp_3m_steps(const Route& route) { return dpmpp_steps(route, 3); }

}  // namespace ddim::engine::diffusion
