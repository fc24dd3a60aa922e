// The gradient of every parameter of a whole network, in double, against finite differences.

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backend/make_device.h"
#include "nn/initialisation.h"
#include "tests/nn/published_configs.h"

namespace ddim::engine {
namespace {

constexpr NoiseKey kDropoutNoise{.seed = 3, .purpose = Purpose::dropout, .step = 5};
constexpr std::uint32_t kFirstImage = 11;

class Network {
 public:
  explicit Network(const UNetConfig& config)
      : device_(make_device(DeviceKind::reference)),
        unet_(device_, config, DType::f64),
        gradients_(device_, unet_.parameters()) {
    initialise(unet_, Initialisation::pytorch, 1);
    for (Parameter* p : unet_.mutable_parameters()) {
      // Norms that start at 1 and 0 hide mistakes, and so does attention that is almost uniform.
      for (double& value : p->value.values<double>())
        value += 0.1 * normal_(random_) + (p->name.find("to_") != std::string::npos ? value : 0.0);
    }
    x_ = random_tensor({2, config.sample_size, config.sample_size, config.in_channels});
    class_vectors_ = random_tensor({2, config.time_embedding_channels()});
    weight_of_output_ =
        random_tensor({2, config.sample_size, config.sample_size, config.out_channels});
  }

  UNet& unet() { return unet_; }
  Gradients& gradients() { return gradients_; }
  double normal() { return normal_(random_); }

  /// sum(weight_of_output * eps)
  double loss() { return loss_of(forward().second); }
  void run_backward() {
    gradients_.clear();
    auto [tape, eps] = forward();
    tape.backward(eps, weight_of_output_);
    gradients_.finish();
  }

 private:
  std::pair<Tape, Var> forward() {
    Tape tape(gradients_, kDropoutNoise, kFirstImage);
    const UNetConfig& config = unet_.config();
    const bool few_times = config.time_embedding_type == TimeEmbeddingType::learned;
    const double t[] = {few_times ? 5.0 : 17.0, few_times ? 2.0 : 801.0};
    const double classes[] = {2.0, 1.0};
    ClassLabels labels;
    if (config.class_embed_type == ClassEmbedType::identity) {
      labels.vectors = class_vectors_;
    } else if (config.class_embed_type != ClassEmbedType::none) {
      labels.numbers = classes;
    }
    Var eps = unet_(tape, x_, t, labels);
    return {std::move(tape), std::move(eps)};
  }
  double loss_of(const Var& eps) {
    double sum = 0;
    const auto values = eps.value().values<double>();
    const auto weights = std::as_const(weight_of_output_).values<double>();
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[i] * weights[i];
    return sum;
  }
  Tensor random_tensor(const Shape& shape) {
    Tensor result(device_, shape, DType::f64);
    for (double& value : result.values<double>()) value = normal();
    return result;
  }

  std::mt19937 random_{1};
  std::normal_distribution<double> normal_;
  Device device_;
  UNet unet_;
  Gradients gradients_;
  Tensor x_, class_vectors_, weight_of_output_;
};

void expect_gradients_match(const UNetConfig& config) {
  Network network(config);
  network.run_backward();
  constexpr double kStep = 1e-5;
  for (Parameter* p : network.unet().mutable_parameters()) {
    SCOPED_TRACE(p->name);
    if (p->name == "time_proj.weight" && p->value.shape().rank() == 1) continue;  // not trained
    const auto values = p->value.values<double>();
    const std::vector<double> original(values.begin(), values.end());
    std::vector<double> direction(original.size());
    double norm = 0;
    for (double& d : direction) {
      d = network.normal();
      norm += d * d;
    }
    for (double& d : direction) d /= std::sqrt(norm);

    const auto loss_at = [&](double distance) {
      for (std::size_t i = 0; i < original.size(); ++i)
        values[i] = original[i] + distance * direction[i];
      p->value.mark_modified();
      return network.loss();
    };
    const double measured = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
    loss_at(0.0);

    double computed = 0;
    const auto gradient = std::as_const(network.gradients())[p->index].values<double>();
    for (std::size_t i = 0; i < gradient.size(); ++i) computed += gradient[i] * direction[i];
    EXPECT_NEAR(computed, measured, 1e-6 * std::max(1.0, std::fabs(measured)));
    if (p->name.find("to_k.bias") == std::string::npos) {
      EXPECT_GT(std::fabs(computed), 1e-6) << "says nothing about this parameter";
    }
  }
}

TEST(UNetGradient, MatchesFiniteDifferences) { expect_gradients_match(small_config()); }

TEST(UNetGradient, MatchesFiniteDifferencesWithDropoutHeadsAndSymmetricPadding) {
  UNetConfig config = small_config();
  config.dropout = 0.3;
  config.attention_head_dim = 4;
  config.downsample_padding = 1;
  expect_gradients_match(config);
}

TEST(UNetGradient, MatchesFiniteDifferencesWithModulationAndResidualResampling) {
  expect_gradients_match(modulated_config());
}

TEST(UNetGradient, MatchesFiniteDifferencesWithLearnedTimesAndClassesAsTimes) {
  expect_gradients_match(learned_times_config());
}

TEST(UNetGradient, MatchesFiniteDifferencesWithFourierTimesAndClassVectors) {
  expect_gradients_match(fourier_config());
}

}  // namespace
}  // namespace ddim::engine
