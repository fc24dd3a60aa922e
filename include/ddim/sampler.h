#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "ddim/export.h"
#include "ddim/names.h"

namespace ddim {

/// How the visited steps are spread over the T training steps; `ddim plan` prints the list. S is
/// the number of steps, i runs from 1 to S. t counts from 0; the paper's t is one more.
enum class TauKind {
  linear,     ///< floor(i T/S) in the paper's t: equal distances, ending at T-1
  quadratic,  ///< floor(i^2 T/S^2) in the paper's t, its choice for CIFAR-10. Where the low end
              ///< would repeat or fall below the first step, an entry moves up to the next free
              ///< one, so that there are S distinct steps. Ends at T-1
  trailing,   ///< i T/S rounded to the nearest, halves up. Ends at T-1 ("trailing" of Lin et al.
              ///< 2023)
  leading,    ///< floor((i-1) T/S): starts at 0
  linspace,   ///< (i-1) (T-1)/(S-1) rounded to the nearest, halves up: from 0 to T-1; a single step
              ///< is T-1
  log_snr,    ///< equal distances in the logarithm of the signal-to-noise ratio, from 0 to T-1;
              ///< real-valued t; a single step is T-1
  /// "uniform" of the paper's published code: range(0, T, T/S rounded down). Starts at 0, rarely
  /// reaches T-1, and has more than S steps unless S fits T.
  linear_code,
  /// "quad" of the published code: floor(linspace(0, sqrt(0.8 T), S)^2). Ends at 0.8 T; duplicates
  /// at the low end are left out, since such a step does nothing.
  quadratic_code,
  /// The lists of diffusers' DDIMScheduler, number for number, with the steps that it computes:
  /// each leads to t - floor(T/S), whatever the next entry is. "leading": arange(S) floor(T/S) +
  /// steps_offset; "trailing": round(arange(T, 0, -T/S)) - 1; "linspace": round(linspace(0, T-1,
  /// S)), halves to even.
  diffusers_leading,
  diffusers_trailing,
  diffusers_linspace,
};

template <>
struct Names<TauKind> {
  static constexpr Named<TauKind> kAll[] = {{TauKind::linear, "linear"},
                                            {TauKind::quadratic, "quadratic"},
                                            {TauKind::trailing, "trailing"},
                                            {TauKind::leading, "leading"},
                                            {TauKind::linspace, "linspace"},
                                            {TauKind::log_snr, "log-snr"},
                                            {TauKind::linear_code, "linear-code"},
                                            {TauKind::quadratic_code, "quadratic-code"},
                                            {TauKind::diffusers_leading, "diffusers-leading"},
                                            {TauKind::diffusers_trailing, "diffusers-trailing"},
                                            {TauKind::diffusers_linspace, "diffusers-linspace"}};
  static constexpr std::span<const Named<TauKind>> all() { return kAll; }
};

/// The visited steps: a list with a name, or a custom one, which must rise strictly and hold real
/// numbers from 0 to T-1.
using Tau = std::variant<TauKind, std::vector<double>>;

/// The name, or the numbers separated by commas.
DDIM_API std::string to_string(const Tau& tau);

/// The variance sigma-hat of the paper's table 1. Mean and direction are those of eta = 1, but the
/// noise has standard deviation sigma-hat and the direction does not shrink to match, so the
/// marginals are not kept and no eta equals it. The last step adds no noise, as in the published
/// code.
struct SigmaHat {
  friend bool operator==(const SigmaHat&, const SigmaHat&) = default;
};

/// How random the samplers ddim and euler are: a number eta >= 0 (0 is DDIM, 1 is DDPM; eq. 16) or,
/// with ddim only, SigmaHat{}.
using Eta = std::variant<double, SigmaHat>;

/// The rule for going from one step to the next. With the noise level
/// s = sqrt((1 - alpha_bar) / alpha_bar) and y = x / sqrt(alpha_bar):
enum class Sampler {
  ddim,          ///< eq. 12: the eta family, and sigma-hat
  ddpm_small,    ///< Ho et al.'s posterior mean, its variance beta-tilde ("fixed small")
  ddpm_large,    ///< the same mean, variance beta ("fixed large"); no noise in the last step
  ddpm_learned,  ///< the same mean, the variance that the network predicts beside it (Nichol and
                 ///< Dhariwal 2021, eq. 15); no noise in the last step
  euler,         ///< eq. 13 as Euler's method for dy = eps ds; with eta: Euler-ancestral
  euler_t,       ///< eq. 15: Euler's method for the same flow in t
  ab1,           ///< Adams-Bashforth of order 1 to 4 for dy = eps ds, with unequal steps
  ab2,
  ab3,
  ab4,
  heun,      ///< Heun's method of order 2 for dy = eps ds: two calls a step (Karras et al. 2022)
  dpmpp_2m,  ///< DPM-Solver++(2M) (Lu et al. 2022)
  dpmpp_3m,  ///< the same of order 3
  unipc,     ///< UniPC, B2(h): predictor of order 2 and corrector: order 3 (Zhao et al. 2023)
  adaptive,  ///< embedded pair 3(2) of Bogacki and Shampine for dy = eps ds: chooses its own steps
             ///< from T-1 to 0 by a tolerance
};

/// The names stand in the samplers' own table (src/diffusion/samplers/table.cpp).
template <>
struct Names<Sampler> {
  DDIM_API static std::span<const Named<Sampler>> all();
};

/// Whether the sampler has eta; of the others, some add noise of their own and most add none.
DDIM_API bool takes_eta(Sampler sampler);

/// Whether the sampler uses the predicted x_0, and not eps alone: where it does not, a clip that
/// keeps eps has no effect.
DDIM_API bool uses_x0(Sampler sampler);

/// What happens to the predicted x_0 (eq. 9) in each step before it is used: different samplers,
/// which others give one name. The published DDIM sampler does not clip.
struct Clip {
  /// How large x_0 may be.
  enum class Bound {
    none,      ///< not clipped: the paper's samples
    range,     ///< clamped to [-range, range]
    quantile,  ///< dynamic threshold (Saharia et al. 2022, section 2.3): with s the `quantile` of
               ///< |x_0| over the picture, at least 1 and at most `max`, x_0 is clamped to [-s, s]
               ///< and divided by s
  };
  /// Which eps the direction uses afterwards. Samplers that use x_0 alone (ddpm, dpmpp, unipc) draw
  /// the same with both; those that use eps alone (euler, ab, heun, adaptive) refuse `keep`, which
  /// would change nothing.
  enum class EpsRule {
    keep,      ///< the network's, as in diffusers
    rederive,  ///< the one that leads from the clipped x_0 to x_t
  };

  Bound bound = Bound::none;
  EpsRule eps = EpsRule::keep;
  double range = 1.0;                                    ///< of Bound::range; positive
  double quantile = 0.995;                               ///< of Bound::quantile; in (0, 1]
  double max = std::numeric_limits<double>::infinity();  ///< of Bound::quantile; at least 1.
                                                         ///< diffusers' default is 1

  friend bool operator==(const Clip&, const Clip&) = default;
};

/// The kinds of clipping, with the default numbers.
template <>
struct Names<Clip> {
  using Bound = Clip::Bound;
  using EpsRule = Clip::EpsRule;
  static constexpr Named<Clip> kAll[] = {
      {{}, "none"},
      {{.bound = Bound::range, .eps = EpsRule::keep}, "keep-eps"},
      {{.bound = Bound::range, .eps = EpsRule::rederive}, "rederive-eps"},
      {{.bound = Bound::quantile, .eps = EpsRule::keep}, "threshold-keep-eps"},
      {{.bound = Bound::quantile, .eps = EpsRule::rederive}, "threshold-rederive-eps"}};
  static constexpr std::span<const Named<Clip>> all() { return kAll; }
};

/// The name of the kind, whatever the numbers.
constexpr std::string_view to_string(const Clip& clip) {
  for (const Named<Clip>& entry : Names<Clip>::all()) {
    const bool same_rule = clip.bound == Clip::Bound::none || entry.value.eps == clip.eps;
    if (entry.value.bound == clip.bound && same_rule) return entry.name;
  }
  return "";
}

/// Where the last step leads.
enum class FinalAlpha {
  one,    ///< to the clean image
  first,  ///< only to the first training step, alpha_bar(0), as set_alpha_to_one = false in
          ///< diffusers
};

template <>
struct Names<FinalAlpha> {
  static constexpr Named<FinalAlpha> kAll[] = {{FinalAlpha::one, "one"},
                                               {FinalAlpha::first, "first"}};
  static constexpr std::span<const Named<FinalAlpha>> all() { return kAll; }
};

}  // namespace ddim
