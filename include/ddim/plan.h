#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ddim/export.h"
#include "ddim/forward_process.h"
#include "ddim/sampler.h"

namespace ddim {

class Model;

/// Which steps a sampler takes, and how.
struct PlanOptions {
  std::int64_t steps = 50;    ///< 1..T; a custom tau has its own number
  Tau tau = TauKind::linear;  ///< not looked at by Sampler::adaptive
  Eta eta = 0.0;
  Clip clip = {};
  Sampler sampler = Sampler::ddim;
  FinalAlpha final_alpha = FinalAlpha::one;
  std::int64_t steps_offset = 0;  ///< of TauKind::diffusers_leading, which adds it to each t
  double tolerance = 0.01;  ///< of Sampler::adaptive: error of a step, r.m.s. over a picture of x
  /// Fraction of the steps to take, the last ones, rounded, at least one: above 0, at most 1. Below
  /// 1 a run starts from pictures (InitImage); lower values keep more of them.
  double strength = 1.0;

  friend bool operator==(const PlanOptions&, const PlanOptions&) = default;
};

/// The steps that the program and the other languages take where none are said: PlanOptions::steps,
/// or all of T where that is less.
constexpr std::int64_t usual_steps(std::int64_t T) {
  return T < PlanOptions{}.steps ? T : PlanOptions{}.steps;
}
/// The same of several numbers, rising: T once in place of those that are greater.
DDIM_API std::vector<std::int64_t> usual_steps(std::vector<std::int64_t> steps, std::int64_t T);

/// What a sampler makes of the network's output at x_t, folded to scalars in double. With
///   x0_pred = x0_scale * (x0_from_x * x_t + x0_from_output * output, clamped to [-clip, clip]),
///   eps     = eps_from_x * x_t + eps_from_output * output + eps_from_x0 * x0_pred,
///   y       = prev_from_x0 * x0_pred + prev_from_eps * eps + prev_from_noise * z.
/// y is x_prev, or the direction that a multistep sampler keeps. The defaults of eps are those of a
/// network that predicts it.
struct SamplerUpdate {
  double x0_from_x = 1.0;
  double x0_from_output = 0.0;
  double clip = std::numeric_limits<double>::infinity();
  double x0_scale = 1.0;
  double eps_from_x = 0.0;
  double eps_from_output = 1.0;
  double eps_from_x0 = 0.0;
  double prev_from_x0 = 1.0;
  double prev_from_eps = 0.0;
  double prev_from_noise = 0.0;
};

/// What a multistep sampler does after a call of the network: puts the direction d that
/// PlanStep::update makes into `slot`, then sets x_base if `base` says so, then x = next, from the
/// x_base of that moment.
struct Multistep {
  /// How many directions can be kept.
  static constexpr std::size_t kNumSlots = 6;
  /// x x_t + base x_base + sum_k directions[k] d_k + noise z
  struct Combination {
    double x = 0.0;
    double base = 0.0;
    std::array<double, kNumSlots> directions = {};
    double noise = 0.0;
  };

  std::size_t slot = 0;
  std::optional<Combination> base = {};
  Combination next = {};
};

/// The standard deviation of a step's noise, number by number, where the network predicts it as v
/// in [-1, 1] (Nichol and Dhariwal 2021, eq. 15, with (v + 1) / 2 in place of their v):
///   exp(((v + 1) / 2 log largest + (1 - v) / 2 log smallest) / 2)
/// of these two variances, beta and beta-tilde.
struct LearnedVariance {
  double largest = 0.0, smallest = 0.0;
};

/// One call of the network, at (x_t, t), and the way from there to x_{t_prev}. Without `multistep`,
/// `update` makes x_prev itself (eq. 12).
struct PlanStep {
  double t = 0.0;        ///< counts from 0; whole except in real-valued lists
  double t_prev = -1.0;  ///< -1 is the clean image; in a stage of Heun and others it may be t
  double alpha_bar = 1.0;
  double alpha_bar_prev = 1.0;
  double sigma = 0.0;         ///< standard deviation of the noise that the step adds; at most so
                              ///< large where it is learned
  SamplerUpdate update = {};  ///< the same as coefficients
  std::optional<Multistep> multistep = {};
  std::optional<LearnedVariance> learned_variance = {};
};

/// The steps are taken as listed.
struct ListedSteps {};
/// Sampler::adaptive finds its own way from the first step's t to the last step, within
/// PlanOptions::tolerance, and asks the network between them.
struct AdaptiveSteps {
  std::vector<double> betas = {};  ///< of the forward process
};

/// Everything about a sampling run that depends on neither the network nor the pictures. Made by
/// make_plan().
struct Plan {
  PlanOptions options = {};
  Prediction prediction = Prediction::eps;  ///< what the network returns
  std::vector<PlanStep> steps = {};         ///< in the order they are taken: t falls
  std::variant<ListedSteps, AdaptiveSteps> stepping = {};
  std::int64_t nfe = 0;   ///< network evaluations per picture; for AdaptiveSteps the most allowed
  std::string note = {};  ///< why the plan differs from the request; mostly empty

  /// Whether each picture takes steps of its own.
  bool is_adaptive() const { return std::holds_alternative<AdaptiveSteps>(stepping); }
};

/// The plan for a model or a forward process. Finds everything that can be wrong with the numbers
/// of a run: Error(user), saying what is allowed, for options that no sampler can follow.
DDIM_API Plan make_plan(const Model& model, const PlanOptions& options);
/// Of a forward process alone.
DDIM_API Plan make_plan(const ForwardProcess& process, const PlanOptions& options);

/// Whether its steps add noise: the pictures then depend on the seed, also where x_T is given.
DDIM_API bool draws_noise(const Plan& plan);

/// Why an option of these has no effect beside the others: what follows its name in a message, such
/// as "works only with the sampler adaptive"; "" where it has one. `option`: its name in recipes,
/// also "clip_range", "threshold" and "threshold_max" of the clip, and "sigma_hat" of eta.
DDIM_API std::string why_no_effect(std::string_view option, const PlanOptions& beside);

/// A line per step: t, t_prev, sqrt(alpha_bar), signal-to-noise ratio alpha_bar / (1 - alpha_bar),
/// sigma; then the number of network calls.
DDIM_API std::string to_table(const Plan& plan);

/// The same as one JSON object, numbers with all their digits:
///   {"sampler": name, "noise": "eta" | "sigma-hat", "eta": number (left out for sigma-hat),
///    "prediction": "eps" | "x0" | "v", "clip": name, "nfe": S, "steps": [{"t", "t_prev",
///    "sqrt_alpha_bar", "snr", "sigma"}]}
/// The sampler adaptive has "tolerance" and "nfe_at_most" in place of "nfe".
DDIM_API std::string to_json(const Plan& plan);

}  // namespace ddim
