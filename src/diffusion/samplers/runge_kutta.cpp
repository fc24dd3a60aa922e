#include "diffusion/samplers/runge_kutta.h"

#include <cmath>

namespace ddim::engine::diffusion {
namespace {

/// A place on the way that a network can be asked at.
struct Place {
  double t, alpha_bar;
};

/// A call at `from` that keeps eps in `slot`, and then x = sqrt(alpha_bar) (y_base + h sum w_k d_k)
/// at `to`, y_base being that of `leg`'s beginning.
struct Stage {
  Place from, to;
  std::size_t slot;
  std::array<double, kNumSlots> weights = {};
};

void append(const Route& route, const Leg& leg, const std::vector<Stage>& stages,
            std::vector<PlanStep>& steps) {
  const double h = noise_level(leg.alpha_bar_prev) - noise_level(leg.alpha_bar);
  for (const Stage& stage : stages) {
    PlanStep step = begin_multistep(route,
                                    {.t = stage.from.t,
                                     .t_prev = stage.to.t,
                                     .alpha_bar = stage.from.alpha_bar,
                                     .alpha_bar_prev = stage.to.alpha_bar},
                                    Direction::eps, stage.slot);
    Multistep& multistep = *step.multistep;
    if (&stage == &stages.front()) multistep.base = Combination{.x = 1.0};
    const double scale = std::sqrt(stage.to.alpha_bar);
    multistep.next.base = scale / std::sqrt(leg.alpha_bar);
    for (std::size_t k = 0; k < kNumSlots; ++k)
      multistep.next.directions[k] = scale * h * stage.weights[k];
    steps.push_back(step);
  }
}

constexpr std::size_t kSecond = kNumSlots - 2, kThird = kNumSlots - 1;

}  // namespace

void append_heun(const Route& route, const Leg& leg, std::size_t first_slot,
                 std::vector<PlanStep>& steps) {
  const Place begin{leg.t, leg.alpha_bar}, end{leg.t_prev, leg.alpha_bar_prev};
  std::vector<Stage> stages = {{.from = begin, .to = end, .slot = first_slot},
                               {.from = end, .to = end, .slot = kSecond}};
  stages[0].weights[first_slot] = 1.0;
  stages[1].weights[first_slot] = stages[1].weights[kSecond] = 0.5;
  append(route, leg, stages, steps);
}

void append_kutta(const Route& route, const Leg& leg, std::size_t first_slot,
                  std::vector<PlanStep>& steps) {
  const double middle_level = 0.5 * (noise_level(leg.alpha_bar) + noise_level(leg.alpha_bar_prev));
  const double t = route.schedule.t_at_log_snr(-2.0 * std::log(middle_level));
  const Place begin{leg.t, leg.alpha_bar}, end{leg.t_prev, leg.alpha_bar_prev};
  const Place middle{t, route.schedule.alpha_bar_at(t)};
  std::vector<Stage> stages = {{.from = begin, .to = middle, .slot = first_slot},
                               {.from = middle, .to = end, .slot = kSecond},
                               {.from = end, .to = end, .slot = kThird}};
  stages[0].weights[first_slot] = 0.5;
  stages[1].weights[first_slot] = -1.0;
  stages[1].weights[kSecond] = 2.0;
  stages[2].weights[first_slot] = stages[2].weights[kThird] = 1.0 / 6.0;
  stages[2].weights[kSecond] = 4.0 / 6.0;
  append(route, leg, stages, steps);
}

}  // namespace ddim::engine::diffusion
