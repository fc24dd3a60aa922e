#include "nn/initialisation.h"

#include <cmath>
#include <string_view>

namespace ddim {
namespace {

constexpr double kNearZeroScale = 1e-10;

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

void set_uniform(Parameter& parameter, double bound, std::uint64_t seed) {
  const NoiseKey key{.seed = seed,
                     .purpose = Purpose::initialisation,
                     .lane = static_cast<std::uint32_t>(parameter.index)};
  std::vector<float> values(static_cast<std::size_t>(parameter.value.size()));
  fill_uniform(key, 0, values);
  for (float& value : values) value = static_cast<float>((2.0 * value - 1.0) * bound);
  parameter.value.device().kernels().upload(values, parameter.value);
  parameter.value.mark_modified();
}

void set_constant(Parameter& parameter, double value) {
  parameter.value.device().kernels().fill(value, parameter.value);
  parameter.value.mark_modified();
}

}  // namespace

void initialise(UNet& unet, Initialisation initialisation, std::uint64_t seed) {
  const std::vector<Parameter*>& parameters = unet.mutable_parameters();
  for (std::size_t i = 0; i + 1 < parameters.size(); i += 2) {  // a layer: its weight, its bias
    Parameter& weight = *parameters[i];
    Parameter& bias = *parameters[i + 1];
    const std::string_view layer = layer_of(weight);
    if (is_norm(layer)) {
      set_constant(weight, 1.0);
      set_constant(bias, 0.0);
      continue;
    }
    const Bounds bounds = bounds_of(layer, fan_of(weight.value.shape()), initialisation);
    set_uniform(weight, bounds.weight, seed);
    if (bounds.bias > 0.0)
      set_uniform(bias, bounds.bias, seed);
    else
      set_constant(bias, 0.0);
  }
}

}  // namespace ddim
