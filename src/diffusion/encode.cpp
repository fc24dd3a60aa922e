#include "diffusion/encode.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "base/error.h"

namespace ddim::engine::diffusion {
namespace {

void check(const Plan& plan) {
  const PlanOptions& options = plan.options;
  const double* eta = std::get_if<double>(&options.eta);
  require(options.sampler == Sampler::ddim && eta != nullptr && *eta == 0.0,
          "encode: only DDIM's steps (sampler ddim, eta 0) can be reversed");
  require(options.clip.bound == Clip::Bound::none,
          "encode: a step that clips cannot be undone; encode without clipping");
  require(
      !plan.steps.empty() && plan.steps.back().alpha_bar_prev < 1.0,
      "encode: the last step must lead to t = 0, not to the clean image (final alpha \"first\")");
  for (std::size_t i = 1; i < plan.steps.size(); ++i) {
    require(plan.steps[i].alpha_bar == plan.steps[i - 1].alpha_bar_prev,
            "encode: the step from t = ", plan.steps[i - 1].t,
            " does not lead to the beginning of the one at ", plan.steps[i].t,
            ", as in diffusers' lists; use another tau");
  }
}

EncodeStep undo(const PlanStep& step, Prediction prediction) {
  const double x_from_prev = std::sqrt(step.alpha_bar / step.alpha_bar_prev);
  return {.t_prev = std::max(step.t_prev, 0.0),
          .t = step.t,
          .x_from_prev = x_from_prev,
          .x_from_eps =
              std::sqrt(1.0 - step.alpha_bar) - x_from_prev * std::sqrt(1.0 - step.alpha_bar_prev),
          .eps_at_prev = eps_from_output(prediction, step.alpha_bar_prev),
          .eps_at_t = eps_from_output(prediction, step.alpha_bar),
          .down = step.update};
}

}  // namespace

std::vector<EncodeStep> make_encoding(const Plan& plan) {
  check(plan);
  std::vector<EncodeStep> steps;
  for (std::size_t i = plan.steps.size(); i-- > 0;) {
    const PlanStep& step = plan.steps[i];
    if (step.alpha_bar < step.alpha_bar_prev) steps.push_back(undo(step, plan.prediction));
  }
  require(!steps.empty(), "encode: these steps visit t = ", plan.steps.front().t,
          " alone, where a picture is; take more steps, or another tau");
  return steps;
}

Tensor encode(std::span<const EncodeStep> steps, const Denoiser& denoiser, const Tensor& x_0,
              const EncodeObserver& observer) {
  Kernels& kernels = x_0.device().kernels();
  Tensor x = empty_like(x_0);
  kernels.copy(x_0, x);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const EncodeStep& step = steps[i];
    const double factors[] = {step.x_from_prev + step.x_from_eps * step.eps_at_prev.from_x,
                              step.x_from_eps * step.eps_at_prev.from_output};
    const Tensor terms[] = {x, denoiser(x, step.t_prev)};
    kernels.linear_combination(factors, terms, x);
    if (!kernels.is_finite_so_far(x, concat("the picture at t = ", step.t)))
      fail(ErrorCode::numeric, "encode: NaN or infinity at t = ", step.t);
    if (observer && observer({i, step, x}) == Flow::stop)
      fail(ErrorCode::interrupted, "encode: stopped at t = ", step.t);
  }
  return x;
}

}  // namespace ddim::engine::diffusion
