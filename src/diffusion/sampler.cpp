#include "diffusion/sampler.h"

#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "diffusion/network_call.h"
#include "diffusion/samplers/adaptive.h"
#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
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

/// x, x_base, the directions in their slots and z, as a combination takes them.
class History {
 public:
  explicit History(const Plan& plan, const Tensor& like) {
    const std::size_t num_slots = traits_of(plan.options.sampler).num_slots;
    if (num_slots == 0) return;
    base_ = empty_like(like);
    for (std::size_t k = 0; k < num_slots; ++k) directions_[k] = empty_like(like);
  }

  Tensor& slot(std::size_t k) { return directions_[k]; }

  /// Goes on from x, in place, now that the direction lies in its slot.
  void apply(const Multistep& step, const Tensor& z, Tensor& x) {
    if (step.base) combine(*step.base, x, z, base_);
    combine(step.next, x, z, x);
  }

 private:
  void combine(const Combination& combination, const Tensor& x, const Tensor& z, Tensor& y) const {
    std::array<double, kNumSlots + 3> factors{};
    std::array<Tensor, kNumSlots + 3> terms;
    std::size_t count = 0;
    const auto add = [&](double factor, const Tensor& term) {
      if (factor == 0.0) return;
      factors[count] = factor;
      terms[count++] = term;
    };
    add(combination.x, x);
    add(combination.base, base_);
    for (std::size_t k = 0; k < kNumSlots; ++k) add(combination.directions[k], directions_[k]);
    add(combination.noise, z);
    y.device().kernels().linear_combination(std::span(factors).first(count),
                                            std::span(terms).first(count), y);
  }

  Tensor base_;
  std::array<Tensor, kNumSlots> directions_;
};

std::string describe(std::size_t index, const Plan& plan) {
  return concat("step ", index + 1, " of ", plan.steps.size(), " (t = ", plan.steps[index].t, ")");
}

Tensor finite(Tensor x) {
  if (!x.device().kernels().all_finite(x))
    fail(ErrorCode::numeric, "sample: the image after the last step holds NaN or infinity");
  return x;
}

}  // namespace

NoiseKey step_noise_key(std::uint64_t seed, double t) {
  const double whole = std::floor(t);
  return {.seed = seed,
          .purpose = Purpose::step_noise,
          .step = static_cast<std::uint32_t>(whole),
          .lane = static_cast<std::uint32_t>((t - whole) * 0x1p24)};
}

void draw_initial_state(std::uint64_t seed, std::uint32_t first_image, Tensor& x_T) {
  x_T.device().kernels().normal_noise({.seed = seed, .purpose = Purpose::initial_state},
                                      first_image, x_T);
}

Tensor sample(const Plan& plan, const Denoiser& denoiser, const Tensor& x_T,
              const NoiseSource& noise, const StepObserver& observer) {
  if (plan.is_adaptive()) return finite(sample_adaptively(plan, denoiser, x_T, observer));
  const auto* drawn = std::get_if<DrawnNoise>(&noise);
  if (drawn == nullptr) check_given_noise(std::get<GivenNoise>(noise), plan, x_T);

  Kernels& kernels = x_T.device().kernels();
  Tensor x = empty_like(x_T);                              // x_t, then x_prev in its place
  Tensor x0_pred = observer ? empty_like(x_T) : Tensor();  // nobody else looks at it
  const bool learned = plan.options.sampler == Sampler::ddpm_learned;
  Tensor z_buffer = drawn != nullptr || learned ? empty_like(x_T) : Tensor();
  NetworkCall network(plan.options, denoiser, x_T);
  History history(plan, x_T);
  kernels.copy(x_T, x);

  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const PlanStep& step = plan.steps[i];
    const auto [output, v] = network.output(x, step.t, describe(i, plan));
    Tensor z;
    if (step.sigma > 0.0 && drawn != nullptr) {
      kernels.normal_noise(step_noise_key(drawn->seed, step.t), drawn->first_image, z_buffer);
      z = z_buffer;
    } else if (step.sigma > 0.0) {
      z = std::get<GivenNoise>(noise).z[i];
    }
    if (step.learned_variance) {
      if (drawn == nullptr) kernels.copy(z, z_buffer);
      z = z_buffer;
      kernels.scale_by_learned_deviation(*step.learned_variance, v, z);
    }
    if (step.multistep) {
      network.update(step.update, x, output, Tensor(), history.slot(step.multistep->slot), x0_pred);
      history.apply(*step.multistep, z, x);
    } else {
      network.update(step.update, x, output, z, x, x0_pred);
    }
    if (observer && observer({.index = i,
                              .step = step,
                              .x_prev = x,
                              .x0_pred = x0_pred,
                              .is_last = i + 1 == plan.steps.size()}) == Flow::stop)
      fail(ErrorCode::interrupted, "sample: stopped after ", describe(i, plan));
  }
  return finite(x);
}

}  // namespace ddim::engine::diffusion
