#include "api/plan_names.h"

#include <algorithm>
#include <utility>

#include "api/number_text.h"

namespace ddim {
namespace {

constexpr std::pair<TauKind, diffusion::TauKind> kTauKinds[] = {
    {TauKind::linear, diffusion::TauKind::linear},
    {TauKind::quadratic, diffusion::TauKind::quadratic},
    {TauKind::trailing, diffusion::TauKind::trailing},
    {TauKind::leading, diffusion::TauKind::leading},
    {TauKind::linspace, diffusion::TauKind::linspace},
    {TauKind::log_snr, diffusion::TauKind::log_snr},
    {TauKind::linear_code, diffusion::TauKind::linear_code},
    {TauKind::quadratic_code, diffusion::TauKind::quadratic_code},
    {TauKind::diffusers_leading, diffusion::TauKind::diffusers_leading},
    {TauKind::diffusers_trailing, diffusion::TauKind::diffusers_trailing},
    {TauKind::diffusers_linspace, diffusion::TauKind::diffusers_linspace}};

constexpr std::pair<Sampler, diffusion::SamplerKind> kSamplers[] = {
    {Sampler::ddim, diffusion::SamplerKind::ddim},
    {Sampler::ddpm_small, diffusion::SamplerKind::ddpm_small},
    {Sampler::ddpm_large, diffusion::SamplerKind::ddpm_large},
    {Sampler::euler, diffusion::SamplerKind::euler},
    {Sampler::euler_t, diffusion::SamplerKind::euler_t},
    {Sampler::ab1, diffusion::SamplerKind::ab1},
    {Sampler::ab2, diffusion::SamplerKind::ab2},
    {Sampler::ab3, diffusion::SamplerKind::ab3},
    {Sampler::ab4, diffusion::SamplerKind::ab4},
    {Sampler::heun, diffusion::SamplerKind::heun},
    {Sampler::dpmpp_2m, diffusion::SamplerKind::dpmpp_2m},
    {Sampler::dpmpp_3m, diffusion::SamplerKind::dpmpp_3m},
    {Sampler::unipc, diffusion::SamplerKind::unipc},
    {Sampler::adaptive, diffusion::SamplerKind::adaptive}};

constexpr std::pair<Clip, diffusion::Clip> kClips[] = {
    {Clip::none, diffusion::Clip::none},
    {Clip::keep_eps, diffusion::Clip::keep_eps},
    {Clip::rederive_eps, diffusion::Clip::rederive_eps},
    {Clip::threshold_keep_eps, diffusion::Clip::threshold_keep_eps},
    {Clip::threshold_rederive_eps, diffusion::Clip::threshold_rederive_eps}};

constexpr std::pair<BetaKind, diffusion::BetaKind> kBetaKinds[] = {
    {BetaKind::linear, diffusion::BetaKind::linear},
    {BetaKind::scaled_linear, diffusion::BetaKind::scaled_linear},
    {BetaKind::cosine, diffusion::BetaKind::cosine},
    {BetaKind::sigmoid, diffusion::BetaKind::sigmoid},
    {BetaKind::list, diffusion::BetaKind::list}};

constexpr std::pair<Prediction, diffusion::Prediction> kPredictions[] = {
    {Prediction::eps, diffusion::Prediction::eps},
    {Prediction::x0, diffusion::Prediction::x0},
    {Prediction::v, diffusion::Prediction::v}};

template <class Table>
auto inside(const Table& table, auto value) {
  return std::ranges::find(table, value, [](const auto& pair) { return pair.first; })->second;
}

template <class Table>
auto all_of(const Table& table) {
  std::vector<decltype(std::begin(table)->first)> values;
  for (const auto& pair : table) values.push_back(pair.first);
  return values;
}

}  // namespace

diffusion::TauKind of(TauKind kind) { return inside(kTauKinds, kind); }
diffusion::SamplerKind of(Sampler sampler) { return inside(kSamplers, sampler); }
diffusion::Clip of(Clip clip) { return inside(kClips, clip); }
diffusion::BetaKind of(BetaKind kind) { return inside(kBetaKinds, kind); }
diffusion::Prediction of(Prediction prediction) { return inside(kPredictions, prediction); }
Prediction of(diffusion::Prediction prediction) {
  return std::ranges::find(kPredictions, prediction, [](const auto& pair) { return pair.second; })
      ->first;
}

std::vector<TauKind> tau_kinds() { return all_of(kTauKinds); }
std::vector<Sampler> samplers() { return all_of(kSamplers); }
std::vector<BetaKind> beta_kinds() { return all_of(kBetaKinds); }

std::string to_string(TauKind kind) { return std::string(diffusion::to_string(of(kind))); }
std::string to_string(Sampler sampler) { return std::string(diffusion::to_string(of(sampler))); }
std::string to_string(Clip clip) { return std::string(diffusion::to_string(of(clip))); }
std::string to_string(BetaKind kind) { return std::string(diffusion::to_string(of(kind))); }
std::string to_string(Prediction prediction) {
  return std::string(diffusion::to_string(of(prediction)));
}

std::string to_string(const Tau& tau) {
  if (const auto* kind = std::get_if<TauKind>(&tau)) return to_string(*kind);
  std::string text;
  for (const double t : std::get<std::vector<double>>(tau))
    text.append(text.empty() ? "" : ",").append(number_text(t));
  return text;
}

}  // namespace ddim
