#include <algorithm>
#include <array>
#include <cassert>

#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
namespace {

using Uses = SamplerTraits::Uses;
using Noise = SamplerTraits::Noise;

constexpr bool kAnyLevel = false, kNoiseLevel = true;  // needs_noise_level
constexpr bool kAnyLegs = false, kChain = true;        // needs_chain

constexpr SamplerTraits kTraits[] = {
    {Sampler::ddim, "ddim", ddim_steps, 0, Uses::both, Noise::eta_or_sigma_hat, kAnyLevel,
     kAnyLegs},
    {Sampler::ddpm_small, "ddpm-small", ddpm_small_steps, 1, Uses::x0, Noise::own, kAnyLevel,
     kAnyLegs},
    {Sampler::ddpm_large, "ddpm-large", ddpm_large_steps, 1, Uses::x0, Noise::own, kAnyLevel,
     kAnyLegs},
    {Sampler::ddpm_learned, "ddpm-learned", ddpm_learned_steps, 1, Uses::x0, Noise::own, kAnyLevel,
     kAnyLegs},
    {Sampler::euler, "euler", euler_steps, 1, Uses::eps, Noise::eta, kNoiseLevel, kAnyLegs},
    {Sampler::euler_t, "euler-t", euler_t_steps, 1, Uses::eps, Noise::none, kNoiseLevel, kAnyLegs},
    {Sampler::ab1, "ab1", ab1_steps, 4, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {Sampler::ab2, "ab2", ab2_steps, 4, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {Sampler::ab3, "ab3", ab3_steps, kNumSlots, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {Sampler::ab4, "ab4", ab4_steps, kNumSlots, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {Sampler::heun, "heun", heun_steps, kNumSlots, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {Sampler::dpmpp_2m, "dpmpp-2m", dpmpp_2m_steps, 3, Uses::x0, Noise::none, kAnyLevel, kChain},
    {Sampler::dpmpp_3m, "dpmpp-3m", dpmpp_3m_steps, 4, Uses::x0, Noise::none, kNoiseLevel, kChain},
    {Sampler::unipc, "unipc", unipc_steps, 3, Uses::x0, Noise::none, kNoiseLevel, kChain},
    {Sampler::adaptive, "adaptive", adaptive_steps, 4, Uses::eps, Noise::none, kNoiseLevel, kChain},
};

constexpr auto kNames = [] {
  std::array<Named<Sampler>, std::size(kTraits)> names{};
  std::ranges::transform(kTraits, names.begin(), [](const SamplerTraits& traits) {
    return Named<Sampler>{traits.sampler, traits.name};
  });
  return names;
}();

}  // namespace

const SamplerTraits& traits_of(Sampler sampler) {
  const auto* row = std::ranges::find(kTraits, sampler, &SamplerTraits::sampler);
  assert(row != std::end(kTraits));
  return *row;
}

}  // namespace ddim::engine::diffusion

namespace ddim {

using namespace engine;

std::span<const Named<Sampler>> Names<Sampler>::all() { return diffusion::kNames; }

bool takes_eta(Sampler sampler) {
  const auto noise = diffusion::traits_of(sampler).noise;
  return noise == diffusion::Noise::eta || noise == diffusion::Noise::eta_or_sigma_hat;
}

bool uses_x0(Sampler sampler) {
  return diffusion::traits_of(sampler).uses != diffusion::SamplerTraits::Uses::eps;
}

}  // namespace ddim
