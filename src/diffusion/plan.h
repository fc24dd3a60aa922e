#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "diffusion/prediction.h"
#include "diffusion/sampler_kind.h"
#include "diffusion/schedule.h"
#include "diffusion/trajectory.h"
#include "tensor/kernels.h"

namespace ddim::diffusion {

/// Noise of standard deviation sigma(eta), eq. 16: 0 is DDIM, 1 is DDPM.
struct EtaNoise {
  double eta = 0.0;
};

/// D.3's other rule: mean and direction as with eta = 1, noise of standard deviation sigma-hat. The
/// direction does not shrink to match, so the marginals are not kept and no eta is equal to it. The
/// last step adds no noise, as in the official code, which makes these results with
/// Clip::rederive_eps.
struct SigmaHatNoise {};

/// One or the other; they cannot be combined.
using NoiseRule = std::variant<EtaNoise, SigmaHatNoise>;

/// What happens to the predicted x_0 (eq. 9) before it is used. Samplers that others give one name;
/// the official DDIM sampler does not clip. `keep_eps`: the direction uses the eps that the output
/// stands for (diffusers' default). `rederive_eps`: it uses the eps that leads from the clipped
/// x_0 to x_t, (x_t - sqrt(alpha_bar) x_0) / sqrt(1 - alpha_bar).
enum class Clip {
  none,
  keep_eps,                ///< clamp x0_pred to [-clip_range, clip_range]
  rederive_eps,            ///< the same
  threshold_keep_eps,      ///< dynamic threshold, see Threshold
  threshold_rederive_eps,  ///< the same
};

/// "none", "keep-eps", "threshold-rederive-eps": how commands and recipes spell it.
std::string_view to_string(Clip clip);

/// Dynamic threshold (Saharia et al. 2022, section 2.3): with s the `ratio` quantile of |x0_pred|
/// over the image, at least 1 and at most `max`, x0_pred is clamped to [-s, s] and divided by s.
struct Threshold {
  double ratio = 0.995;                                  ///< in (0, 1]
  double max = std::numeric_limits<double>::infinity();  ///< at least 1; diffusers: 1
};

struct PlanOptions {
  NoiseRule noise = EtaNoise{};
  Clip clip = Clip::none;
  double clip_range = 1.0;  ///< positive
  SamplerKind sampler = SamplerKind::ddim;
  Prediction prediction = Prediction::eps;  ///< what the network returns
  Threshold threshold = {};
  double tolerance =
      0.01;  ///< of SamplerKind::adaptive: error of a step, r.m.s. over an image of x
};

/// What a multistep sampler can keep: directions, each in a slot of its own.
constexpr std::size_t kNumSlots = 6;

/// A linear combination: x x_t + base x_base + sum_k directions[k] d_k + noise z.
struct Combination {
  double x = 0.0;
  double base = 0.0;
  std::array<double, kNumSlots> directions = {};
  double noise = 0.0;
};

/// What a sampler with memory does after a call of the network: puts the direction d that
/// Step::update makes into `slot`, then sets x_base if `base` says so, then x = next, from the
/// x_base of that moment.
struct Multistep {
  std::size_t slot = 0;
  std::optional<Combination> base = {};
  Combination next = {};
};

/// One call of the network, at (x_t, t), and the way from there to x_{t_prev}. Without `multistep`,
/// `update` makes x_prev itself (eq. 12).
struct Step {
  double t = 0.0;
  double t_prev = -1.0;  ///< -1 is the clean image; in a stage of Heun and others it may be t
  double alpha_bar = 1.0;
  double alpha_bar_prev = 1.0;
  double sigma = 0.0;         ///< standard deviation of the noise added
  SamplerUpdate update = {};  ///< the same as coefficients of the kernel
  std::optional<Multistep> multistep = {};
};

/// Everything about a sampling run that does not depend on the network or the images.
struct Plan {
  std::vector<Step> steps = {};  ///< in the order they are taken: t falls
  PlanOptions options = {};
  /// Of SamplerKind::adaptive, which finds its own way from steps.front() to steps.back(): what it
  /// needs for that. Empty for all others.
  std::optional<Schedule> schedule = {};

  /// Network evaluations per image; for SamplerKind::adaptive the most there may be.
  std::int64_t nfe() const;
};

/// The plan of one sampler over `trajectory`. All that can be wrong with a run's numbers is found
/// here: throws Error(user) when a t is outside 0..T-1 or the list is empty or not falling; eta is
/// negative, not finite, given to a sampler without one, or so large that
/// 1 - alpha_bar_prev - sigma^2 < 0 somewhere (the message says how large it may be); sigma-hat is
/// asked of a sampler other than ddim; clip_range, threshold or tolerance are out of range;
/// clipping would have no effect in this sampler; alpha_bar is 0 where the network predicts eps or
/// the sampler works with noise levels; a trajectory of diffusers, whose steps do not meet, or a
/// last step that does not end at the clean image is given to a sampler that needs that.
Plan make_plan(const Schedule& schedule, const Trajectory& trajectory,
               const PlanOptions& options = {});
/// The same over `tau`, strictly increasing and counted from 0, down to the clean image.
Plan make_plan(const Schedule& schedule, std::span<const std::int64_t> tau,
               const PlanOptions& options = {});

/// The largest eta that make_plan accepts for this tau; infinite for a single step.
double largest_eta(const Schedule& schedule, std::span<const std::int64_t> tau);

}  // namespace ddim::diffusion
