#include "diffusion/sampler_kind.h"

#include <algorithm>
#include <array>

#include "diffusion/samplers/samplers.h"

namespace ddim::diffusion {
namespace {

using Uses = SamplerTraits::Uses;
using Noise = SamplerTraits::Noise;

constexpr bool kAnyLevel = false, kNoiseLevel = true;  // needs_noise_level
constexpr bool kAnyLegs = false, kChain = true;        // needs_chain

constexpr SamplerTraits kTraits[] = {
    {SamplerKind::ddim, "ddim", ddim_steps, 0, Uses::both, Noise::eta_or_sigma_hat, kAnyLevel,
     kAnyLegs},
    {SamplerKind::ddpm_small, "ddpm-small", ddpm_small_steps, 1, Uses::x0, Noise::own, kAnyLevel,
     kAnyLegs},
    {SamplerKind::ddpm_large, "ddpm-large", ddpm_large_steps, 1, Uses::x0, Noise::own, kAnyLevel,
     kAnyLegs},
    {SamplerKind::euler, "euler", euler_steps, 1, Uses::eps, Noise::eta, kNoiseLevel, kAnyLegs},
    {SamplerKind::euler_t, "euler-t", euler_t_steps, 1, Uses::eps, Noise::none, kNoiseLevel,
     kAnyLegs},
    {SamplerKind::ab1, "ab1", ab1_steps, 4, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {SamplerKind::ab2, "ab2", ab2_steps, 4, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {SamplerKind::ab3, "ab3", ab3_steps, kNumSlots, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {SamplerKind::ab4, "ab4", ab4_steps, kNumSlots, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {SamplerKind::heun, "heun", heun_steps, kNumSlots, Uses::eps, Noise::none, kNoiseLevel, kChain},
    {SamplerKind::dpmpp_2m, "dpmpp-2m", dpmpp_2m_steps, 3, Uses::x0, Noise::none, kAnyLevel,
     kChain},
    {SamplerKind::dpmpp_3m, "dpmpp-3m", dpmpp_3m_steps, 4, Uses::x0, Noise::none, kNoiseLevel,
     kChain},
    {SamplerKind::unipc, "unipc", unipc_steps, 3, Uses::x0, Noise::none, kNoiseLevel, kChain},
    {SamplerKind::adaptive, "adaptive", adaptive_steps, 4, Uses::eps, Noise::none, kNoiseLevel,
     kChain},
};

constexpr auto kKinds = [] {
  std::array<SamplerKind, std::size(kTraits)> kinds{};
  std::ranges::transform(kTraits, kinds.begin(), &SamplerTraits::kind);
  return kinds;
}();

}  // namespace

const SamplerTraits& traits_of(SamplerKind kind) {
  return *std::ranges::find(kTraits, kind, &SamplerTraits::kind);
}

std::span<const SamplerKind> sampler_kinds() { return kKinds; }

std::string_view to_string(SamplerKind kind) { return traits_of(kind).name; }

}  // namespace ddim::diffusion
