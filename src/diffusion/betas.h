#pragma once

#include <ddim/forward_process.h>

#include <cstdint>
#include <vector>

namespace ddim::engine::diffusion {

// The variances of the forward process' steps, in double and in the spelling of diffusers'
// scheduler_config.json. All throw Error(user) unless T is 1..Schedule::kMaxSteps; what the
// numbers may be, Schedule says.

/// "linear": equal distances, both ends included (Ho et al. 2020, section 4).
std::vector<double> linear_betas(const ForwardProcess& process = {});

/// "scaled_linear": the squares of equal distances between the roots of the ends (latent
/// diffusion). Both ends must not be negative.
std::vector<double> scaled_linear_betas(const ForwardProcess& process = {});

/// "squaredcos_cap_v2": alpha_bar falls as cos^2(pi/2 (t/T + 0.008) / 1.008), each beta at most
/// 0.999 (Nichol and Dhariwal 2021, eq. 17).
std::vector<double> cosine_betas(std::int64_t T = 1000);

/// "sigmoid": start + (end - start) / (1 + exp(-u)), u from -6 to 6 with equal distances (GeoDiff).
std::vector<double> sigmoid_betas(const ForwardProcess& process = {});

/// Shifts and scales sqrt(alpha_bar) so that it ends at 0 and starts where it did; the last beta
/// becomes 1 (Lin et al. 2023, algorithm 1; "rescale_betas_zero_snr"). Error(user) for fewer than
/// two betas.
std::vector<double> with_zero_terminal_snr(const std::vector<double>& betas);

}  // namespace ddim::engine::diffusion
