#include <algorithm>
#include <cmath>

#include "diffusion/samplers/runge_kutta.h"
#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
namespace {

constexpr std::size_t kMaxOrder = 4;

/// w with  integral from a to b of p(s) ds = sum_k w_k p(nodes[k])  for every polynomial p of
/// degree below nodes.size() <= 4: Lagrange's basis at the two points of Gauss and Legendre, which
/// is exact to degree 3.
std::array<double, kMaxOrder> integration_weights(std::span<const double> nodes, double a,
                                                  double b) {
  std::array<double, kMaxOrder> weights = {};
  const double middle = 0.5 * (a + b), half = 0.5 * (b - a);
  for (const double point : {middle - half / std::sqrt(3.0), middle + half / std::sqrt(3.0)}) {
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      double basis = 1.0;
      for (std::size_t j = 0; j < nodes.size(); ++j)
        if (j != k) basis *= (point - nodes[j]) / (nodes[k] - nodes[j]);
      weights[k] += half * basis;
    }
  }
  return weights;
}

/// The leg number `index` by the polynomial through its own beginning and those of the legs before.
PlanStep adams_bashforth_step(const Route& route, std::size_t index, std::size_t order) {
  const Leg& leg = route.legs[index];
  PlanStep step = begin_multistep(route, leg, Direction::eps, index % kMaxOrder);
  std::vector<double> nodes;
  for (std::size_t k = 0; k < std::min(order, index + 1); ++k)
    nodes.push_back(noise_level(route.legs[index - k].alpha_bar));
  const auto weights = integration_weights(nodes, nodes.front(), noise_level(leg.alpha_bar_prev));
  const double scale = std::sqrt(leg.alpha_bar_prev);
  Combination& next = step.multistep->next;
  next.x = scale / std::sqrt(leg.alpha_bar);
  for (std::size_t k = 0; k < nodes.size(); ++k)
    next.directions[(index - k) % kMaxOrder] = scale * weights[k];
  return step;
}

std::vector<PlanStep> adams_bashforth_steps(const Route& route, std::size_t order) {
  std::vector<PlanStep> steps;
  for (std::size_t i = 0; i < route.legs.size(); ++i) {
    const Leg& leg = route.legs[i];
    const bool can_ask_at_the_end = leg.t_prev >= 0.0;
    if (order == 3 && i == 0 && can_ask_at_the_end) {
      append_heun(route, leg, i, steps);
    } else if (order == 4 && i < 2 && can_ask_at_the_end) {
      append_kutta(route, leg, i, steps);
    } else {
      steps.push_back(adams_bashforth_step(route, i, order));
    }
  }
  return steps;
}

}  // namespace

std::vector<PlanStep> ab1_steps(const Route& route) { return adams_bashforth_steps(route, 1); }
std::vector<PlanStep> ab2_steps(const Route& route) { return adams_bashforth_steps(route, 2); }
std::vector<PlanStep> ab3_steps(const Route& route) { return adams_bashforth_steps(route, 3); }
std::vector<PlanStep> ab4_steps(const Route& route) { return adams_bashforth_steps(route, 4); }

}  // namespace ddim::engine::diffusion
