#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ddim/model.h"

namespace ddim {

/// How the visited steps are spread over the T training steps; `ddim plan` prints the list. S is
/// the number of steps; t counts from 0.
enum class TauKind {
  linear,             ///< equal distances, ending at T-1
  quadratic,          ///< the distances grow with t: the paper's choice for CIFAR-10; ends at T-1
  trailing,           ///< equal distances, rounded, ending at T-1
  leading,            ///< equal distances, starting at 0
  linspace,           ///< equal distances, from 0 to T-1
  log_snr,            ///< equal distances in the logarithm of the SNR, from 0 to T-1; real-valued t
  linear_code,        ///< "uniform" of the paper's published code, which differs from its text
  quadratic_code,     ///< "quad" of the published code; ends at 0.8 T
  diffusers_leading,  ///< the lists of diffusers' DDIMScheduler, with the steps that it computes:
  diffusers_trailing,  ///< each leads to t - T/S, whatever the next entry is
  diffusers_linspace,
};

/// The list by its name, or as it is: strictly increasing, each entry real and in 0..T-1.
using Tau = std::variant<TauKind, std::vector<double>>;

/// The sampler with the larger variance sigma-hat of the paper's table 1: no eta is equal to it.
struct SigmaHat {};

/// How random the samplers ddim and euler are: a number eta >= 0 (0 is DDIM, 1 is DDPM); or, with
/// ddim only, SigmaHat{}.
using Eta = std::variant<double, SigmaHat>;

/// The rules for going from one step to the next. s is the noise level
/// sqrt((1 - alpha_bar) / alpha_bar), y = x / sqrt(alpha_bar).
enum class Sampler {
  ddim,        ///< the paper's eq. 12: the eta family, and sigma-hat
  ddpm_small,  ///< Ho et al.'s DDPM, variance beta-tilde ("fixed small")
  ddpm_large,  ///< the same with variance beta ("fixed large")
  euler,       ///< eq. 13 as Euler's method for dy = eps ds; with eta: Euler-ancestral
  euler_t,     ///< eq. 15: Euler's method for the same flow in t
  ab1,         ///< Adams-Bashforth of order 1 to 4 for dy = eps ds
  ab2,
  ab3,
  ab4,
  heun,      ///< Heun's method of order 2: two network calls a step
  dpmpp_2m,  ///< DPM-Solver++ of order 2
  dpmpp_3m,  ///< and 3
  unipc,     ///< UniPC: predictor of order 2 with a corrector
  adaptive,  ///< of order 3, chooses its own steps from T-1 to 0 by a tolerance
};

/// What happens to the predicted x_0 in each step: different samplers. `keep_eps`: the direction
/// uses the network's eps, as in diffusers; `rederive_eps`: the eps that leads from the clipped x_0
/// to x_t. Samplers that use x_0 alone (ddpm, dpmpp, unipc) draw the same with both; those that use
/// eps alone (euler, ab, heun, adaptive) refuse keep_eps, which would change nothing.
enum class Clip {
  none,                    ///< nothing: the paper's samples
  keep_eps,                ///< clamped to [-clip_range, clip_range]
  rederive_eps,            ///< the same
  threshold_keep_eps,      ///< dynamic threshold: clamped to [-s, s] and divided by s, s being the
  threshold_rederive_eps,  ///< threshold_ratio quantile of |x_0| in the picture, at least 1
};

/// Where the last step leads: to the clean image, or only to the first training step, as
/// set_alpha_to_one = false makes diffusers do.
enum class FinalAlpha { one, first };

/// What few samplers need to be told.
struct SamplerDetails {
  double clip_range = 1.0;         ///< of Clip::keep_eps and rederive_eps; positive
  double threshold_ratio = 0.995;  ///< of the dynamic threshold; above 0, at most 1
  /// The largest s of the dynamic threshold; at least 1. diffusers' default is 1.
  double threshold_max = std::numeric_limits<double>::infinity();
  FinalAlpha final_alpha = FinalAlpha::one;
  std::int64_t steps_offset = 0;  ///< of TauKind::diffusers_leading, which adds it to each t
  double tolerance = 0.01;        ///< of Sampler::adaptive: r.m.s. error of a step
};

struct PlanOptions {
  std::int64_t steps = 50;    ///< 1..T; a list of one's own has its own number
  Tau tau = TauKind::linear;  ///< not looked at by Sampler::adaptive
  Eta eta = 0.0;
  Clip clip = Clip::none;
  Sampler sampler = Sampler::ddim;
  SamplerDetails details = {};
};

/// How the variances of a forward process are spread: `list` are numbers of one's own.
enum class BetaKind { linear, scaled_linear, cosine, sigmoid, list };

/// What a network predicts.
enum class Prediction { eps, x0, v };

/// A forward process without a model.
struct ForwardProcess {
  BetaKind betas = BetaKind::linear;
  double beta_start = 1e-4;  ///< of linear, scaled_linear and sigmoid
  double beta_end = 0.02;
  std::int64_t T = 1000;
  std::vector<double> list = {};  ///< of BetaKind::list: T is its length
  /// Rescaled so that alpha_bar is 0 at T-1; a network that predicts eps cannot begin there.
  enum class TerminalSnr { as_it_is, zero } terminal_snr = TerminalSnr::as_it_is;
  Prediction prediction = Prediction::eps;
};

/// From x_t to x_{t_prev}: one call of the network.
struct PlanStep {
  double t = 0.0;        ///< counts from 0; whole but for real-valued lists
  double t_prev = -1.0;  ///< -1 after the last step: the clean image
  double alpha_bar = 1.0;
  double alpha_bar_prev = 1.0;
  double sigma = 0.0;  ///< standard deviation of the noise that the step adds
};

/// What a sampler will do, step by step.
struct Plan {
  std::vector<PlanStep> steps = {};  ///< in the order they are taken: t falls
  std::int64_t nfe = 0;  ///< network evaluations for each image; for adaptive the most there may be
  std::string note = {};   ///< why it is not what was asked for to the letter; mostly empty
  std::string table = {};  ///< for people
  std::string json = {};   ///< for programs: one object
};

/// Error(user), saying what is allowed, for options that no sampler can follow.
Plan make_plan(const Model& model, const PlanOptions& options);
Plan make_plan(const ForwardProcess& process, const PlanOptions& options);

/// All values, and how the command line and recipes spell them: "diffusers-leading", "dpmpp-2m".
std::vector<TauKind> tau_kinds();
std::vector<Sampler> samplers();
std::vector<BetaKind> beta_kinds();
std::string to_string(TauKind kind);
std::string to_string(Sampler sampler);
std::string to_string(Clip clip);
std::string to_string(BetaKind kind);
std::string to_string(Prediction prediction);
/// The name, or the numbers with commas between them.
std::string to_string(const Tau& tau);

}  // namespace ddim
