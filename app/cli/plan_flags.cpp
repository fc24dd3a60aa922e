#include "plan_flags.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <limits>

namespace ddim::cli {
namespace {

/// "NAME" pairs of all values, the first being the default.
template <class Value>
std::vector<std::pair<std::string, Value>> choices_of(const std::vector<Value>& values) {
  std::vector<std::pair<std::string, Value>> choices;
  for (const Value value : values) choices.emplace_back(to_string(value), value);
  return choices;
}

bool takes_eta(Sampler sampler) { return sampler == Sampler::ddim || sampler == Sampler::euler; }

}  // namespace

PlanFlags::PlanFlags() : sampler_(choices_of(samplers())) {}

void PlanFlags::add_to(Command command) {
  const std::size_t num_before = command.options().size();
  tau_.add_to(command);
  sampler_.add_to(command, "--sampler",
                  "ddim (the paper's), ddpm-small, ddpm-large, euler (eq. 13), euler-t (eq. 15), "
                  "ab1 to ab4 (Adams-Bashforth), heun, dpmpp-2m, dpmpp-3m, unipc, or adaptive");
  eta_option_ =
      command
          .add_option("--eta", eta_, "Noise of each step of ddim and euler: 0 is DDIM, 1 is DDPM")
          .show_default();
  command
      .add_flag("--sigma-hat", sigma_hat_,
                "With ddim: DDPM's larger variance instead of an eta (the paper's sigma-hat)")
      .excludes(eta_option_);
  clip_.add_to(
      command, "--clip", "keep-eps",
      "Clamp the predicted x_0 to [-1, 1] in each step. --clip keeps the network's eps, as "
      "diffusers does; --clip=rederive-eps computes eps again, as the paper's code does with "
      "sigma-hat; threshold-keep-eps and threshold-rederive-eps use a dynamic threshold");
  clip_range_option_ =
      command.add_option("--clip-range", details_.clip_range, "Clamp to another range")
          .show_default();
  threshold_option_ = command
                          .add_option("--threshold", details_.threshold_ratio,
                                      "Of a dynamic threshold: which quantile of |x_0|")
                          .show_default();
  threshold_max_option_ =
      command.add_option("--threshold-max", details_.threshold_max,
                         "Of a dynamic threshold: its largest value; default: none");
  final_alpha_.add_to(command, "--final-alpha",
                      "Where the last step leads: one (the clean image), or first (only to the "
                      "first training step, as set_alpha_to_one = false in diffusers)");
  command
      .add_option("--steps-offset", details_.steps_offset,
                  "With --tau diffusers-leading: added to each step")
      .show_default();
  tolerance_option_ =
      command
          .add_option("--tolerance", details_.tolerance,
                      "Of the sampler adaptive: largest error of a step, r.m.s. over the picture")
          .show_default();
  const std::vector<Option> options = command.options();
  all_options_.assign(options.begin() + static_cast<std::ptrdiff_t>(num_before), options.end());
}

std::vector<std::string> PlanFlags::given() const {
  std::vector<std::string> names;
  for (const Option option : all_options_) {
    if (option.given()) names.push_back(option.name());
  }
  return names;
}

void PlanFlags::refuse_contradictions() const {
  const auto refuse_if = [](bool wrong, const std::string& message) {
    if (wrong) throw Error(ErrorCode::user, message);
  };
  const Sampler sampler = sampler_.value();
  const Clip clip = clip_.value();
  const bool clamps = clip == Clip::keep_eps || clip == Clip::rederive_eps;
  const bool is_threshold =
      clip == Clip::threshold_keep_eps || clip == Clip::threshold_rederive_eps;

  refuse_if(sampler == Sampler::adaptive && (tau_.steps_given() || tau_.tau_given()),
            "--sampler adaptive chooses its own steps; leave out --steps and --tau, or take "
            "another sampler");
  refuse_if(
      sampler != Sampler::adaptive && tolerance_option_.given(),
      fmt::format("--tolerance belongs to --sampler adaptive, not to {}", to_string(sampler)));
  refuse_if(eta_option_.given() && !takes_eta(sampler),
            fmt::format("--eta belongs to --sampler ddim or euler, not to {}", to_string(sampler)));
  refuse_if(clip_range_option_.given() && !clamps,
            "--clip-range needs --clip or --clip=rederive-eps");
  refuse_if((threshold_option_.given() || threshold_max_option_.given()) && !is_threshold,
            "--threshold and --threshold-max need --clip=threshold-keep-eps or "
            "--clip=threshold-rederive-eps");
}

PlanOptions PlanFlags::options() const {
  refuse_contradictions();
  SamplerDetails details = details_;
  details.final_alpha = final_alpha_.value();
  return {.steps = tau_.steps(),
          .tau = tau_.tau(),
          .eta = sigma_hat_ ? Eta(SigmaHat{}) : Eta(eta_),
          .clip = clip_.value(),
          .sampler = sampler_.value(),
          .details = details};
}

}  // namespace ddim::cli
