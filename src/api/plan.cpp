#include <ddim/plan.h>

#include "api/diffusion_plan.h"
#include "api/model_implementation.h"
#include "diffusion/plan_text.h"

namespace ddim {
namespace {

diffusion::TauKind tau_of(TauKind kind) {
  switch (kind) {
    case TauKind::linear:
      return diffusion::TauKind::linear;
    case TauKind::quadratic:
      return diffusion::TauKind::quadratic;
    case TauKind::linear_code:
      return diffusion::TauKind::linear_code;
    case TauKind::quadratic_code:
      return diffusion::TauKind::quadratic_code;
  }
  return {};
}

diffusion::Clip clip_of(Clip clip) {
  switch (clip) {
    case Clip::none:
      return diffusion::Clip::none;
    case Clip::keep_eps:
      return diffusion::Clip::keep_eps;
    case Clip::rederive_eps:
      return diffusion::Clip::rederive_eps;
  }
  return {};
}

diffusion::NoiseRule noise_of(const Eta& eta) {
  if (const double* number = std::get_if<double>(&eta)) return diffusion::EtaNoise{.eta = *number};
  return diffusion::SigmaHatNoise{};
}

Plan make_plan(const diffusion::Schedule& schedule, const PlanOptions& options) {
  const auto [plan, note] = make_diffusion_plan(schedule, options);
  Plan result{.nfe = plan.nfe(),
              .note = note,
              .table = diffusion::to_table(plan),
              .json = diffusion::to_json(plan)};
  for (const diffusion::Step& step : plan.steps) {
    result.steps.push_back({.t = step.t,
                            .t_prev = step.t_prev,
                            .alpha_bar = step.alpha_bar,
                            .alpha_bar_prev = step.alpha_bar_prev,
                            .sigma = step.sigma});
  }
  return result;
}

}  // namespace

DiffusionPlan make_diffusion_plan(const diffusion::Schedule& schedule, const PlanOptions& options) {
  const diffusion::Tau tau =
      diffusion::make_tau(tau_of(options.tau), options.steps, schedule.num_steps());
  return {.plan = diffusion::make_plan(
              schedule, tau.steps, {.noise = noise_of(options.eta), .clip = clip_of(options.clip)}),
          .note = tau.note};
}

std::string to_string(TauKind kind) {
  switch (kind) {
    case TauKind::linear:
      return "linear";
    case TauKind::quadratic:
      return "quadratic";
    case TauKind::linear_code:
      return "linear-code";
    case TauKind::quadratic_code:
      return "quadratic-code";
  }
  return {};
}

std::string to_string(Clip clip) {
  switch (clip) {
    case Clip::none:
      return "none";
    case Clip::keep_eps:
      return "keep-eps";
    case Clip::rederive_eps:
      return "rederive-eps";
  }
  return {};
}

Plan make_plan(const Model& model, const PlanOptions& options) {
  return make_plan(model.implementation().model.schedule, options);
}

Plan make_plan(const LinearBetas& betas, const PlanOptions& options) {
  return make_plan(diffusion::Schedule::linear(betas.beta_start, betas.beta_end, betas.T), options);
}

}  // namespace ddim
