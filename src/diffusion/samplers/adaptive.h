#pragma once

#include "diffusion/sampler.h"

namespace ddim::engine::diffusion {

/// More calls for one image are an error: the tolerance is too small for float.
constexpr std::int64_t kMaxAdaptiveCalls = 1000;

/// Runs a plan of Sampler::adaptive, image by image, each with steps of its own (so that an
/// image does not depend on its neighbours). For dy = eps ds from the noise level of plan.steps[0]
/// to that of its last step, with k1..k4 the values of eps at the stages and h = s_prev - s:
///   y_prev = y + h (2 k1 + 3 k2 + 4 k3) / 9              (Bogacki and Shampine 1989, order 3)
///   error  = h (-5 k1 + 6 k2 + 8 k3 - 9 k4) / 72         (its difference to order 2)
/// A step is taken when sqrt(mean(error^2) alpha_bar_prev) <= tolerance; the next has length
/// 0.9 h (tolerance / error)^(1/3), within a factor of 5. Then the last step is taken. Errors as
/// sample(); Error(numeric) when an image needs more than kMaxAdaptiveCalls.
Tensor sample_adaptively(const Plan& plan, const Denoiser& denoiser, const Tensor& x_T,
                         const StepObserver& observer);

}  // namespace ddim::engine::diffusion
