#pragma once

#include <cstdint>
#include <vector>

#include "ddim/names.h"

namespace ddim {

/// How the variances (betas) of a forward process are spread over its steps.
enum class BetaKind {
  linear,         ///< equal distances from beta_start to beta_end (Ho et al. 2020, section 4)
  scaled_linear,  ///< squares of equal distances between the roots of the ends (latent diffusion)
  cosine,         ///< alpha_bar falls as a squared cosine (Nichol and Dhariwal 2021, eq. 17)
  sigmoid,        ///< along a sigmoid from beta_start to beta_end (GeoDiff)
  list,           ///< a custom list
};

template <>
struct Names<BetaKind> {
  static constexpr Named<BetaKind> kAll[] = {{BetaKind::linear, "linear"},
                                             {BetaKind::scaled_linear, "scaled-linear"},
                                             {BetaKind::cosine, "cosine"},
                                             {BetaKind::sigmoid, "sigmoid"},
                                             {BetaKind::list, "list"}};
  static constexpr std::span<const Named<BetaKind>> all() { return kAll; }
};

/// What a network's output stands for.
enum class Prediction {
  eps,  ///< the noise: Ho et al. and the DDIM paper
  x0,   ///< the clean image; diffusers calls it "sample"
  v,    ///< sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x_0 (Salimans and Ho 2022)
};

template <>
struct Names<Prediction> {
  static constexpr Named<Prediction> kAll[] = {
      {Prediction::eps, "eps"}, {Prediction::x0, "x0"}, {Prediction::v, "v"}};
  static constexpr std::span<const Named<Prediction>> all() { return kAll; }
};

/// Whether anything of the image is left at the last step.
enum class TerminalSnr {
  as_is,
  zero,  ///< betas are rescaled so that alpha_bar is 0 at T-1 (Lin et al. 2023, algorithm 1)
};

/// How images become noise over T training steps, and what the network learned to predict.
struct ForwardProcess {
  BetaKind schedule = BetaKind::linear;
  double beta_start = 1e-4;  ///< of linear, scaled_linear and sigmoid
  double beta_end = 0.02;
  std::int64_t T = 1000;           ///< not looked at by BetaKind::list
  std::vector<double> betas = {};  ///< of BetaKind::list: T is its length; empty for the others
  /// With `zero`, a network that predicts eps can neither be trained nor begin at T-1.
  TerminalSnr terminal_snr = TerminalSnr::as_is;
  Prediction prediction = Prediction::eps;

  friend bool operator==(const ForwardProcess&, const ForwardProcess&) = default;
};

}  // namespace ddim
