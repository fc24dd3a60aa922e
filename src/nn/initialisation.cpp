#include "nn/initialisation.h"

#include <cmath>
#include <string_view>

namespace ddim {
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

bool is_norm(std::string_view layer) {
  return layer.ends_with("norm1") || layer.ends_with("norm2") || layer.ends_with("group_norm") ||
         layer == "conv_norm_out";
}

bool ends_a_residual(std::string_view layer) {
  return layer.ends_with(".conv2") || layer.ends_with(".to_out.0") || layer == "conv_out";
}

std::string_view layer_of(const Parameter& parameter) {
  return std::string_view(parameter.name).substr(0, parameter.name.rfind('.'));
}

/// Values are uniform in [-bound, bound); what a layer's weight and bias get.
struct Bounds {
  double weight, bias;
};

Bounds bounds_of(std::string_view layer, const Fan& fan, Initialisation initialisation) {
  if (initialisation == Initialisation::pytorch) {
    const double bound = 1.0 / std::sqrt(fan.in);
    return {.weight = bound, .bias = bound};
  }
  const double scale = ends_a_residual(layer) ? kNearZeroScale : 1.0;
  return {.weight = std::sqrt(3.0 * scale / ((fan.in + fan.out) / 2.0)), .bias = 0.0};
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

/// A table of rows, or the frequencies of a fourier embedding: weights without a bias.
bool is_embedding(const Parameter& parameter) {
  return parameter.name == "time_proj.weight" || parameter.name == "class_embedding.weight";
}

}  // namespace

void initialise(UNet& unet, Initialisation initialisation, std::uint64_t seed) {
  Fan fan{};  // of the last weight: what its bias goes by
  for (Parameter* parameter : unet.mutable_parameters()) {
    const std::string_view layer = layer_of(*parameter);
    const bool is_weight = parameter->name.ends_with(".weight");
    if (is_norm(layer)) {
      set_constant(*parameter, is_weight ? 1.0 : 0.0);
    } else if (is_embedding(*parameter)) {
      const bool is_table = parameter->value.shape().rank() == 2;
      set_normal(*parameter, is_table ? 1.0 : kFourierScale, seed);
    } else {
      if (is_weight) fan = fan_of(parameter->value.shape());
      const Bounds bounds = bounds_of(layer, fan, initialisation);
      const double bound = is_weight ? bounds.weight : bounds.bias;
      if (bound > 0.0)
        set_uniform(*parameter, bound, seed);
      else
        set_constant(*parameter, 0.0);
    }
  }
}

}  // namespace ddim
