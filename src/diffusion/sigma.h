#pragma once

namespace ddim::engine::diffusion {

/// eq. 16: the standard deviation of a step's noise,
///   eta sqrt((1 - alpha_bar_prev) / (1 - alpha_bar)) sqrt(1 - alpha_bar / alpha_bar_prev);
/// eta 0 is DDIM, eta 1 the DDPM posterior. 0 < alpha_bar < alpha_bar_prev <= 1.
double sigma_of_eta(double eta, double alpha_bar, double alpha_bar_prev);

/// sqrt(1 - alpha_bar / alpha_bar_prev): Ho et al.'s "fixed large" standard deviation (section 5 of
/// the DDIM paper). Not sigma_of_eta of any eta.
double sigma_hat(double alpha_bar, double alpha_bar_prev);

/// The eta at which 1 - alpha_bar_prev - sigma_of_eta^2 is 0: beyond it eq. 12 has no real
/// direction. Infinite for alpha_bar_prev = 1, where every eta gives sigma 0.
double largest_eta(double alpha_bar, double alpha_bar_prev);

}  // namespace ddim::engine::diffusion
