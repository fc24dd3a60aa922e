#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <variant>

#include "diffusion/plan.h"
#include "tensor/kernels.h"

namespace ddim::engine::diffusion {

/// What the network says of x_t: Plan::prediction says what it stands for (mostly the
/// noise). Of x_t's shape, on its device; for Sampler::ddpm_learned [N,...,2C], and channels C to
/// 2C say what the variance is (LearnedVariance). A sampler knows nothing else of a network.
using Denoiser = std::function<Tensor(const Tensor& x_t, double t)>;

/// z of the step at t for row k is the stream step_noise_key(seed, t) of image first_image + k.
struct DrawnNoise {
  std::uint64_t seed = 0;
  std::uint32_t first_image = 0;
};

/// {seed, Purpose::step_noise, step = floor(t), lane = floor(2^24 (t - floor(t)))}: whole t have
/// lane 0.
NoiseKey step_noise_key(std::uint64_t seed, double t);

/// z of step i (in the order the steps are taken) is z[i]; those of steps with sigma 0 are not
/// looked at.
struct GivenNoise {
  std::span<const Tensor> z;
};

using NoiseSource = std::variant<DrawnNoise, GivenNoise>;

/// What an observer sees after each step. The tensors are the sampler's own and change with the
/// next step.
struct StepReport {
  std::size_t index;           ///< 0 .. nfe-1; for Sampler::adaptive the steps of one image
  const PlanStep& step;        ///< the step that was taken
  const Tensor& x_prev;        ///< the state it led to; after the last step, x_0
  const Tensor& x0_pred;       ///< the prediction it used, clipped if the plan clips
  std::int64_t first_row = 0;  ///< x_prev and x0_pred are this and the following rows of x_T
  std::int64_t num_calls = 1;  ///< of the network, for these rows, since the report before
  bool is_last = false;
};

enum class Flow { proceed, stop };
using StepObserver = std::function<Flow(const StepReport&)>;

/// x_T of images first_image, first_image+1, ...: standard normal, stream {seed,
/// Purpose::initial_state}.
void draw_initial_state(std::uint64_t seed, std::uint32_t first_image, Tensor& x_T);

/// Runs the plan from x_T [N,...] down to x_0, step by step; x_T itself is left as it is.
/// What row k becomes depends on row k of x_T, its noise and the denoiser only. All memory of its
/// own is taken before the first step. Throws Error(user) for noise of a wrong count or shape,
/// Error(numeric), naming the step, when the denoiser returns NaN or infinity, and
/// Error(interrupted) when the observer says stop.
Tensor sample(const Plan& plan, const Denoiser& denoiser, const Tensor& x_T,
              const NoiseSource& noise, const StepObserver& observer = {});

}  // namespace ddim::engine::diffusion
