// How far eps of whole networks is from the reference in double precision.

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backend/make_device.h"
#include "model/model.h"
#include "nn/initialisation.h"

namespace ddim::engine::model {
namespace {

/// The same network in double, by plain loops.
UNet reference_of(const UNet& unet) {
  UNet reference(make_device(DeviceKind::reference), unet.config(), DType::f64);
  for (std::size_t i = 0; i < unet.parameters().size(); ++i) {
    Parameter& parameter = *reference.mutable_parameters()[i];
    parameter.value.device().kernels().upload(to_host(unet.parameters()[i]->value),
                                              parameter.value);
  }
  return reference;
}

std::vector<float> random_image(const UNetConfig& config) {
  std::mt19937 random(0);
  std::normal_distribution<float> normal;
  std::vector<float> image(
      static_cast<std::size_t>(config.sample_size * config.sample_size * config.in_channels));
  for (float& value : image) value = normal(random);
  return image;
}

std::vector<double> eps_of(const UNet& unet, double t) {
  const Tensor& weight = unet.parameters().front()->value;
  const UNetConfig& config = unet.config();
  const Tensor x =
      from_host(weight.device(), {1, config.sample_size, config.sample_size, config.in_channels},
                random_image(config), weight.dtype());
  Tape tape;
  const Tensor eps = unet(tape, x, std::vector<double>{t}).value();
  if (eps.dtype() == DType::f64) {
    const auto values = eps.values<double>();
    return {values.begin(), values.end()};
  }
  const std::vector<float> values = to_host(eps);
  return {values.begin(), values.end()};
}

/// |eps - reference| / |reference|
double distance(const std::vector<double>& eps, const std::vector<double>& reference) {
  double difference = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < eps.size(); ++i) {
    difference += (eps[i] - reference[i]) * (eps[i] - reference[i]);
    size += reference[i] * reference[i];
  }
  return std::sqrt(difference / size);
}

Device cpu(Precision precision) {
  return make_device(DeviceKind::cpu, {.num_threads = 2, .precision = precision});
}

UNet random_network(Precision precision) {
  // Wide enough for each algorithm: direct, F(2x2), F(4x4), upsampling, attention with one head.
  UNet unet(cpu(precision), {.sample_size = 16,
                             .layers_per_block = 1,
                             .block_out_channels = {64, 128, 128},
                             .attention_levels = {0}});
  initialise(unet, Initialisation::pytorch, 1);
  return unet;
}

TEST(PrecisionOfANetwork, OfRandomWeights) {
  const UNet fp32 = random_network(Precision::fp32);
  const std::vector<double> reference = eps_of(reference_of(fp32), 321.0);
  EXPECT_LT(distance(eps_of(fp32, 321.0), reference), 2e-5);
  // Narrow layers average less: the CIFAR-10 network has 7e-3.
  EXPECT_LT(distance(eps_of(random_network(Precision::bf16), 321.0), reference), 1.5e-2);
}

TEST(PrecisionOfANetwork, OfTrainedWeights) {
  const std::filesystem::path path = "models/fashion-mnist";
  const LoadedModel fp32 = load_model(path, cpu(Precision::fp32));
  const LoadedModel bf16 = load_model(path, cpu(Precision::bf16));
  const UNet plain = reference_of(fp32.unet);
  for (const double t : {20.0, 700.0}) {
    const std::vector<double> reference = eps_of(plain, t);
    EXPECT_LT(distance(eps_of(fp32.unet, t), reference), 2e-5) << t;
    EXPECT_LT(distance(eps_of(bf16.unet, t), reference), 1.1e-2) << t;
  }
}

}  // namespace
}  // namespace ddim::engine::model
