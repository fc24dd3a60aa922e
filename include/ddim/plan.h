#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "ddim/model.h"

namespace ddim {

/// How the visited steps are spread over the T training steps; the exact formulas are those of
/// `ddim plan`.
enum class TauKind {
  linear,          ///< equal distances, ending at the last training step
  quadratic,       ///< the distances grow with t: the paper's choice for CIFAR-10
  linear_code,     ///< "uniform" of the paper's published code, which differs from its text
  quadratic_code,  ///< "quad" of the published code; ends at 0.8 T
};

/// The sampler with the larger variance sigma-hat of the paper's table 1: no eta is equal to it.
struct SigmaHat {};

/// How random the sampler is: a number eta >= 0 (0 is DDIM, 1 is DDPM), or SigmaHat{}.
using Eta = std::variant<double, SigmaHat>;

/// What happens to the predicted x_0 in each step: three different samplers.
enum class Clip {
  none,          ///< nothing: the paper's samples
  keep_eps,      ///< clamped to [-1, 1]; the direction uses the network's eps, as in diffusers
  rederive_eps,  ///< clamped; the direction uses the eps that leads from it to x_t
};

struct PlanOptions {
  std::int64_t steps = 50;  ///< 1..T
  TauKind tau = TauKind::linear;
  Eta eta = 0.0;
  Clip clip = Clip::none;
};

/// A forward process without a model: betas with equal distances from beta_start to beta_end.
struct LinearBetas {
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::int64_t T = 1000;
};

/// From x_t to x_{t_prev}.
struct PlanStep {
  std::int64_t t = 0;        ///< counts from 0
  std::int64_t t_prev = -1;  ///< -1 after the last step: the clean image
  double alpha_bar = 1.0;
  double alpha_bar_prev = 1.0;
  double sigma = 0.0;  ///< standard deviation of the noise that the step adds
};

/// What a sampler will do, step by step.
struct Plan {
  std::vector<PlanStep> steps = {};  ///< in the order they are taken: t falls
  std::int64_t nfe = 0;              ///< network evaluations for each image
  std::string note = {};   ///< why it is not what was asked for to the letter; mostly empty
  std::string table = {};  ///< for people
  std::string json = {};   ///< for programs: one object
};

/// Error(user), saying what is allowed, for options that no sampler can follow.
Plan make_plan(const Model& model, const PlanOptions& options);
Plan make_plan(const LinearBetas& betas, const PlanOptions& options);

}  // namespace ddim
