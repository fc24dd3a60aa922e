#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {

std::vector<PlanStep> ddpm_learned_steps(const Route& route) {
  std::vector<PlanStep> steps = ddpm_large_steps(route);
  for (PlanStep& step : steps) {
    if (step.sigma == 0.0) continue;  // the last
    const double beta = step.sigma * step.sigma;
    const double noise_ratio = (1.0 - step.alpha_bar_prev) / (1.0 - step.alpha_bar);
    step.learned_variance = {.largest = beta, .smallest = noise_ratio * beta};
    step.multistep->next.noise = 1.0;  // z has its standard deviation by then
  }
  return steps;
}

}  // namespace ddim::engine::diffusion
