#include "plan_flags.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <algorithm>

namespace ddim::cli {
namespace {

constexpr Clip kKeepEps{.bound = Clip::Bound::range};

}  // namespace

void PlanFlags::add_to(Command command) {
  const std::size_t num_before = command.options().size();
  tau_.add_to(command);
  sampler_option_ = sampler_.add_to(
      command, "--sampler",
      "Sampler: ddim (the paper's), ddpm-small, ddpm-large, ddpm-learned (the network's own "
      "variance), euler (eq. 13), euler-t (eq. 15), ab1 to ab4 (Adams-Bashforth), heun, dpmpp-2m, "
      "dpmpp-3m, unipc, or adaptive");
  eta_option_ =
      command
          .add_option(
              "--eta", eta_,
              "Amount of noise added in each step, for ddim and euler: 0 is DDIM, 1 is DDPM")
          .non_negative()
          .show_default();
  sigma_hat_option_ =
      command
          .add_flag("--sigma-hat", sigma_hat_,
                    "With ddim: DDPM's larger variance instead of --eta (the paper's sigma-hat)")
          .excludes(eta_option_);
  clip_option_ = clip_.add_to(
      command, "--clip", kKeepEps,
      "Clamp the predicted x_0 to [-1, 1] in each step. --clip keeps the network's eps, as "
      "diffusers does; --clip rederive-eps computes eps again, as the paper's code does with "
      "sigma-hat; threshold-keep-eps and threshold-rederive-eps use a dynamic threshold");
  clip_range_option_ = command
                           .add_option("--clip-range", clip_numbers_.range,
                                       "Clamp x_0 to [-R, R] instead of [-1, 1]")
                           .type_name("R")
                           .above(0)
                           .show_default();
  threshold_option_ = command
                          .add_option("--threshold", clip_numbers_.quantile,
                                      "Quantile of |x_0| for dynamic thresholds")
                          .above(0)
                          .at_most(1)
                          .show_default();
  threshold_max_option_ =
      command
          .add_option("--threshold-max", clip_numbers_.max, "Upper limit of the dynamic threshold")
          .positive()
          .show_default("none");
  final_alpha_.add_to(command, "--final-alpha",
                      "End of the last step: one (the clean image) or first (the first training "
                      "step, like set_alpha_to_one = false in diffusers)");
  steps_offset_option_ =
      command
          .add_option("--steps-offset", others_.steps_offset,
                      "Offset added to each step; only with --tau diffusers-leading")
          .non_negative()
          .show_default();
  tolerance_option_ = command
                          .add_option("--tolerance", others_.tolerance,
                                      "Error tolerance per step for --sampler adaptive (root "
                                      "mean square over the picture)")
                          .above(0)
                          .show_default();
  const std::vector<Option> options = command.options();
  all_options_.assign(options.begin() + static_cast<std::ptrdiff_t>(num_before), options.end());
  add_contradictions();
}

std::vector<std::string> PlanFlags::given() const {
  std::vector<std::string> names;
  for (const Option option : all_options_) {
    if (option.given()) names.push_back(option.name());
  }
  return names;
}

PlanOptions PlanFlags::deciders() const {
  const auto kind = tau_.kind();
  return {.tau = kind ? Tau(*kind) : Tau(std::vector<double>{}),
          .clip = clip_.value(),
          .sampler = sampler_.value()};
}

std::string PlanFlags::problem_of(Option option, const PlanOptions& beside) {
  std::string name = option.name().substr(2);
  std::ranges::replace(name, '-', '_');
  const std::string problem = why_no_effect(name, beside);
  return problem.empty() ? "" : fmt::format("{} {}", option.cause(), problem);
}

std::function<std::string()> PlanFlags::problem_of(Option option) const {
  return [this, option] { return problem_of(option, deciders()); };
}

void PlanFlags::add_contradictions() const {
  for (const Option option : {tau_.steps_option(), tau_.tau_option()})
    option.excludes(sampler_option_,
                    [this, option] { return problem_of(option, {.sampler = sampler_.value()}); });
  for (const Option option : {tolerance_option_, eta_option_, sigma_hat_option_, clip_option_})
    option.depends_on(sampler_option_, problem_of(option));
  steps_offset_option_.depends_on(tau_.tau_option(), problem_of(steps_offset_option_));
  for (const Option option : {clip_range_option_, threshold_option_, threshold_max_option_})
    option.depends_on(clip_option_, problem_of(option));
}

PlanOptions PlanFlags::options() const {
  PlanOptions options = options_said();
  check_for_some_model(options);
  return options;
}

PlanOptions PlanFlags::fitted_to(std::int64_t T, PlanOptions options) const {
  options.steps = tau_.steps(T);
  return options;
}

PlanOptions PlanFlags::options_said() const {
  PlanOptions options = others_;
  options.steps = tau_.steps();
  options.tau = tau_.tau();
  options.eta = sigma_hat_ ? Eta(SigmaHat{}) : Eta(eta_);
  options.clip = clip_numbers_;
  options.clip.bound = clip_.value().bound;
  options.clip.eps = clip_.value().eps;
  options.sampler = sampler_.value();
  options.final_alpha = final_alpha_.value();
  return options;
}

void ClipFlag::add_to(Command command, const std::string& description) {
  for (const Named<Clip>& entry : Names<Clip>::all())
    if (entry.value.bound == Clip::Bound::quantile) clip_.leave_out(entry.value);
  clip_.add_to(command, "--clip", kKeepEps, description);
}

}  // namespace ddim::cli
