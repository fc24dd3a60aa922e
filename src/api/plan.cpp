#include <ddim/plan.h>

#include <cmath>

#include "api/diffusion_plan.h"
#include "api/model_implementation.h"
#include "api/plan_names.h"
#include "base/error.h"
#include "diffusion/plan_text.h"

namespace ddim {
namespace {

diffusion::NoiseRule noise_of(const Eta& eta) {
  if (const double* number = std::get_if<double>(&eta)) return diffusion::EtaNoise{.eta = *number};
  return diffusion::SigmaHatNoise{};
}

diffusion::FinalAlpha of(FinalAlpha final_alpha) {
  return final_alpha == FinalAlpha::one ? diffusion::FinalAlpha::one : diffusion::FinalAlpha::first;
}

diffusion::Trajectory trajectory_of(const diffusion::Schedule& schedule,
                                    const PlanOptions& options) {
  const diffusion::FinalAlpha final_alpha = of(options.details.final_alpha);
  const auto* list = std::get_if<std::vector<double>>(&options.tau);
  if (options.sampler == Sampler::adaptive) {
    require(list == nullptr, "tau: the sampler adaptive chooses its own steps; a list has no use");
    require(schedule.num_steps() >= 2, "sampler: adaptive needs a schedule of at least 2 steps");
    const std::int64_t ends[] = {0, schedule.num_steps() - 1};
    return diffusion::make_trajectory(schedule, ends, final_alpha);
  }
  if (list == nullptr) {
    return diffusion::make_trajectory(schedule, {.kind = of(std::get<TauKind>(options.tau)),
                                                 .num_steps = options.steps,
                                                 .final_alpha = final_alpha,
                                                 .steps_offset = options.details.steps_offset});
  }
  require(options.details.steps_offset == 0, "steps_offset: ", options.details.steps_offset,
          " belongs to tau diffusers-leading, not to a list");
  return diffusion::make_trajectory(schedule, *list, final_alpha);
}

Plan public_plan(const DiffusionPlan& diffusion_plan) {
  const auto& [plan, note] = diffusion_plan;
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

DiffusionPlan make_diffusion_plan(const diffusion::Schedule& schedule,
                                  diffusion::Prediction prediction, const PlanOptions& options,
                                  double strength) {
  require(strength == 1.0 || options.sampler != Sampler::adaptive, "strength: ", strength,
          " has no meaning for the sampler adaptive, which starts at T-1");
  const diffusion::Trajectory trajectory =
      diffusion::last_part(trajectory_of(schedule, options), strength);
  return {.plan = diffusion::make_plan(schedule, trajectory,
                                       {.noise = noise_of(options.eta),
                                        .clip = of(options.clip),
                                        .clip_range = options.details.clip_range,
                                        .sampler = of(options.sampler),
                                        .prediction = prediction,
                                        .threshold = {.ratio = options.details.threshold_ratio,
                                                      .max = options.details.threshold_max},
                                        .tolerance = options.details.tolerance}),
          .note = trajectory.note};
}

Plan make_plan(const Model& model, const PlanOptions& options) {
  const model::Model& loaded = model.implementation().model;
  return public_plan(make_diffusion_plan(loaded.schedule, loaded.prediction, options));
}

Plan make_plan(const ForwardProcess& process, const PlanOptions& options) {
  using TerminalSnr = diffusion::ScheduleOptions::TerminalSnr;
  const diffusion::Schedule schedule = diffusion::make_schedule(
      {.betas = of(process.betas),
       .range = {.start = process.beta_start, .end = process.beta_end, .T = process.T},
       .list = process.list,
       .terminal_snr = process.terminal_snr == ForwardProcess::TerminalSnr::zero
                           ? TerminalSnr::zero
                           : TerminalSnr::as_it_is});
  return public_plan(make_diffusion_plan(schedule, of(process.prediction), options));
}

}  // namespace ddim
