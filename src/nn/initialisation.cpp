#include "nn/initialisation.h"

#include <cmath>

namespace ddim::engine {
namespace {

constexpr double kNearZeroScale = 1e-10;
constexpr double kFourierScale = 16.0;  // of Song et al., and of diffusers

struct Fan {
  double in, out;
};

Fan fan_of(const Shape& weight) {
  const auto window = static_cast<double>(weight.size() / (weight[0] * weight[1]));
  return {.in = static_cast<double>(weight[1]) * window,
          .out = static_cast<double>(weight[0]) * window};
}

/// Values are uniform in [-bound, bound): the bound for a layer's weight, or its bias.
double bound_of(ParameterRole role, const Fan& fan, Initialisation initialisation) {
  if (initialisation == Initialisation::pytorch) return 1.0 / std::sqrt(fan.in);
  if (role == ParameterRole::bias) return 0.0;
  const double scale = role == ParameterRole::last_weight ? kNearZeroScale : 1.0;
  return std::sqrt(3.0 * scale / ((fan.in + fan.out) / 2.0));
}

NoiseKey noise_of(const Parameter& parameter, std::uint64_t seed) {
  return {.seed = seed,
          .purpose = Purpose::initialisation,
          .lane = static_cast<std::uint32_t>(parameter.index)};
}

void set_values(Parameter& parameter, std::span<const float> values) {
  parameter.value.device().kernels().upload(values, parameter.value);
  parameter.value.mark_modified();
}

void set_uniform(Parameter& parameter, double bound, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(parameter.value.size()));
  fill_uniform(noise_of(parameter, seed), 0, values);
  for (float& value : values) value = static_cast<float>((2.0 * value - 1.0) * bound);
  set_values(parameter, values);
}

void set_normal(Parameter& parameter, double deviation, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(parameter.value.size()));
  fill_normal(noise_of(parameter, seed), 0, values);
  for (float& value : values) value = static_cast<float>(value * deviation);
  set_values(parameter, values);
}

void set_constant(Parameter& parameter, double value) {
  parameter.value.device().kernels().fill(value, parameter.value);
  parameter.value.mark_modified();
}

}  // namespace

void initialise(UNet& unet, Initialisation initialisation, std::uint64_t seed) {
  Fan fan{};  // of the last weight: what its bias goes by
  const auto set_bounded = [&](Parameter& parameter) {
    const double bound = bound_of(parameter.role, fan, initialisation);
    if (bound > 0.0)
      set_uniform(parameter, bound, seed);
    else
      set_constant(parameter, 0.0);
  };
  for (Parameter* parameter : unet.mutable_parameters()) {
    switch (parameter->role) {
      case ParameterRole::weight:
      case ParameterRole::last_weight:
        fan = fan_of(parameter->value.shape());
        set_bounded(*parameter);
        break;
      case ParameterRole::bias:
        set_bounded(*parameter);
        break;
      case ParameterRole::scale:
        set_constant(*parameter, 1.0);
        break;
      case ParameterRole::shift:
        set_constant(*parameter, 0.0);
        break;
      case ParameterRole::table:
        set_normal(*parameter, 1.0, seed);
        break;
      case ParameterRole::frequencies:
        set_normal(*parameter, kFourierScale, seed);
        break;
    }
  }
}

}  // namespace ddim::engine
