#pragma once

#include <cstddef>
#include <string_view>

#include "diffusion/samplers/route.h"

namespace ddim::engine::diffusion {

/// eq. 12 with sigma of eq. 16 or sigma-hat.
std::vector<PlanStep> ddim_steps(const Route& route);

/// x_prev = posterior mean(x0_pred, x_t) + sigma z (Ho et al. 2020, eq. 6 and 7), sigma^2 =
/// beta-tilde or beta; beta = 1 - alpha_bar / alpha_bar_prev.
std::vector<PlanStep> ddpm_small_steps(const Route& route);
std::vector<PlanStep> ddpm_large_steps(const Route& route);
/// The same with a sigma that the network predicts, between the two (see LearnedVariance).
std::vector<PlanStep> ddpm_learned_steps(const Route& route);

/// What follows keeps no marginals in x but works on y = x / sqrt(alpha_bar) and the noise level s,
/// dy = eps ds (eq. 14).
///
/// y_prev = y + (s_down - s) eps + s_up z; s_up = eta s_prev sqrt(s^2 - s_prev^2) / s,
/// s_down^2 = s_prev^2 - s_up^2. For eta 0 this is eq. 13.
std::vector<PlanStep> euler_steps(const Route& route);
/// eq. 15: y_prev = y + (s_prev^2 - s^2) / (2 s) eps.
std::vector<PlanStep> euler_t_steps(const Route& route);

/// The integral of the polynomial through the last k values of eps over each leg, exactly (so also
/// for unequal legs). Started so that the whole keeps its order: ab3 by one step of Heun's method,
/// ab4 by two of Kutta's third-order method.
std::vector<PlanStep> ab1_steps(const Route& route);
std::vector<PlanStep> ab2_steps(const Route& route);
std::vector<PlanStep> ab3_steps(const Route& route);
std::vector<PlanStep> ab4_steps(const Route& route);

/// Heun's method; Euler's in a leg that ends at the clean image, where no network can be asked.
std::vector<PlanStep> heun_steps(const Route& route);

/// In lambda = log_snr / 2, on predicted x_0. A leg to the clean image, where lambda is infinite,
/// is one of order 1: it lands on x0_pred. dpmpp_3m starts with one step of DPM-Solver++(2S), so
/// that the whole keeps its order.
std::vector<PlanStep> dpmpp_2m_steps(const Route& route);
std::vector<PlanStep> dpmpp_3m_steps(const Route& route);
/// UniPC with B(h) = e^h - 1: each call at the predicted state also corrects it.
std::vector<PlanStep> unipc_steps(const Route& route);

/// Where an adaptive sampler begins, and its last step, a leg to the clean image.
std::vector<PlanStep> adaptive_steps(const Route& route);

/// What a sampler needs of a route and what it keeps.
struct SamplerTraits {
  Sampler sampler;
  std::string_view name;
  MakeSteps make_steps;
  std::size_t num_slots;  ///< directions kept: slots 0 .. num_slots-1
  enum class Uses { x0, eps, both } uses;
  enum class Noise { none, eta, own, eta_or_sigma_hat } noise;
  /// Works with the noise level, which is infinite for alpha_bar = 0.
  bool needs_noise_level;
  /// Looks beyond one leg, so legs must meet and alpha_bar must rise in each.
  bool needs_chain;
};
const SamplerTraits& traits_of(Sampler sampler);

}  // namespace ddim::engine::diffusion
