#include <ddim/plan.h>

#include "base/text.h"
#include "diffusion/samplers/samplers.h"

namespace ddim {

using namespace engine;
namespace {

using Noise = diffusion::SamplerTraits::Noise;

std::string without_noise_of(Sampler sampler) {
  const bool has_own = diffusion::traits_of(sampler).noise == Noise::own;
  const char* const reason =
      has_own ? ", which has a variance of its own" : ", which adds no noise";
  return concat("not with ", to_string(sampler), takes_eta(sampler) ? "" : reason);
}

}  // namespace

std::string why_no_effect(std::string_view option, const PlanOptions& beside) {
  const Sampler sampler = beside.sampler;
  const Clip::Bound bound = beside.clip.bound;
  if (option == "steps" || option == "tau") {
    if (sampler == Sampler::adaptive)
      return "has no part in the sampler adaptive, which chooses its own steps";
    if (option == "steps" && std::holds_alternative<std::vector<double>>(beside.tau))
      return "has no effect beside a list of steps (tau), which sets their number";
  } else if (option == "tolerance") {
    if (sampler != Sampler::adaptive) return "works only with the sampler adaptive";
  } else if (option == "eta") {
    if (!takes_eta(sampler))
      return concat("works only with the samplers ddim and euler, ", without_noise_of(sampler));
  } else if (option == "sigma_hat") {
    if (diffusion::traits_of(sampler).noise != Noise::eta_or_sigma_hat)
      return concat("works only with the sampler ddim, ", without_noise_of(sampler));
  } else if (option == "steps_offset") {
    if (beside.tau != Tau(TauKind::diffusers_leading))
      return "works only with the tau diffusers-leading";
  } else if (option == "clip") {
    const bool keeps_eps = bound != Clip::Bound::none && beside.clip.eps == Clip::EpsRule::keep;
    if (keeps_eps && !uses_x0(sampler))
      return concat("has no effect with the sampler ", to_string(sampler),
                    ", which uses only eps; use rederive-eps, or the sampler ddim");
  } else if (option == "clip_range") {
    if (bound != Clip::Bound::range) return "needs the clip keep-eps or rederive-eps";
  } else if (option == "threshold" || option == "threshold_max") {
    if (bound != Clip::Bound::quantile)
      return "needs the clip threshold-keep-eps or threshold-rederive-eps";
  }
  return "";
}

}  // namespace ddim
