#include "diffusion/sampler.h"

#include <string>

#include "base/error.h"

namespace ddim::diffusion {
namespace {

void check_given_noise(const GivenNoise& noise, const Plan& plan, const Tensor& x_T) {
  require(noise.z.size() == plan.steps.size(), "sample: noise for ", noise.z.size(),
          " steps; the plan has ", plan.steps.size());
  for (std::size_t i = 0; i < noise.z.size(); ++i) {
    if (plan.steps[i].sigma == 0.0) continue;
    require(noise.z[i].defined() && noise.z[i].shape() == x_T.shape(), "sample: noise of step ", i,
            noise.z[i].defined() ? " has shape " + to_string(noise.z[i].shape()) : " is missing",
            "; expected ", x_T.shape());
  }
}

std::string describe(std::size_t index, const Plan& plan) {
  return concat("step ", index + 1, " of ", plan.steps.size(), " (t = ", plan.steps[index].t, ")");
}

}  // namespace

void draw_initial_state(std::uint64_t seed, std::uint32_t first_image, Tensor& x_T) {
  x_T.device().kernels().normal_noise({.seed = seed, .purpose = Purpose::initial_state},
                                      first_image, x_T);
}

Tensor sample(const Plan& plan, const Denoiser& denoiser, const Tensor& x_T,
              const NoiseSource& noise, const StepObserver& observer) {
  const auto* drawn = std::get_if<DrawnNoise>(&noise);
  if (drawn == nullptr) check_given_noise(std::get<GivenNoise>(noise), plan, x_T);

  Kernels& kernels = x_T.device().kernels();
  Tensor x = empty_like(x_T);                              // x_t, then x_prev in its place
  Tensor x0_pred = observer ? empty_like(x_T) : Tensor();  // nobody else looks at it
  Tensor z_buffer = drawn != nullptr ? empty_like(x_T) : Tensor();
  kernels.copy(x_T, x);

  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const Tensor eps_pred = denoiser(x, static_cast<double>(step.t));
    require(eps_pred.shape() == x.shape(), "sample: the denoiser returned ", eps_pred.shape(),
            " for ", x.shape());
    if (!kernels.all_finite(eps_pred))
      fail(ErrorCode::numeric, "sample: the network's output at ", describe(i, plan),
           " holds NaN or infinity");
    Tensor z;
    if (step.sigma > 0.0 && drawn != nullptr) {
      kernels.normal_noise({.seed = drawn->seed,
                            .purpose = Purpose::step_noise,
                            .step = static_cast<std::uint32_t>(step.t)},
                           drawn->first_image, z_buffer);
      z = z_buffer;
    } else if (step.sigma > 0.0) {
      z = std::get<GivenNoise>(noise).z[i];
    }
    kernels.sampler_update(step.update, x, eps_pred, z, x, x0_pred);
    if (observer && observer({i, step, x, x0_pred}) == Flow::stop)
      fail(ErrorCode::interrupted, "sample: stopped after ", describe(i, plan));
  }
  if (!kernels.all_finite(x))
    fail(ErrorCode::numeric, "sample: the image after the last step holds NaN or infinity");
  return x;
}

}  // namespace ddim::diffusion
