#include "eval/feature_network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "data/fit.h"
#include "nn/inception.h"
#include "nn/resnet56.h"

namespace ddim::engine::eval {
namespace {

using data::Taps;

class OfResNet56 final : public FeatureNetwork {
 public:
  explicit OfResNet56(ResNet56 network) : network_(std::move(network)) {}

  const char* name() const override { return "resnet56-cifar10"; }
  std::int64_t num_features() const override { return ResNet56::kFeatures; }
  std::int64_t num_classes() const override { return ResNet56::kClasses; }
  std::optional<std::int64_t> picture_size() const override { return ResNet56::kSize; }
  Output operator()(const Device& worker, const data::Images& pictures) const override {
    std::vector<float> values;
    values.reserve(pictures.pixels.size());
    for (const std::uint8_t byte : pictures.pixels)
      values.push_back(static_cast<float>(byte) / 255.0F);
    ResNet56::Output output = network_(worker, values);
    return {std::move(output.features), std::move(output.probabilities)};
  }

 private:
  ResNet56 network_;
};

class OfInception final : public FeatureNetwork {
 public:
  OfInception(Inception network, Resizing resizing)
      : network_(std::move(network)), resizing_(resizing) {}

  const char* name() const override { return "inception"; }
  std::int64_t num_features() const override { return Inception::kFeatures; }
  std::int64_t num_classes() const override { return Inception::kClasses; }
  std::optional<std::int64_t> picture_size() const override { return std::nullopt; }
  Output operator()(const Device& worker, const data::Images& pictures) const override {
    Inception::Output output = network_(worker, inception_input(pictures, resizing_));
    return {std::move(output.features), std::move(output.probabilities)};
  }

 private:
  Inception network_;
  Resizing resizing_;
};

/// Between two neighbours, around `place` of an axis; beyond the border it is repeated.
Taps between(double place, std::int64_t size) {
  const auto first = std::min(static_cast<std::int64_t>(place), size - 1);
  const double fraction = place - static_cast<double>(first);
  if (first + 1 >= size || fraction <= 0.0) return {.first = first, .weights = {1.0}};
  return {.first = first, .weights = {1.0 - fraction, fraction}};
}

/// Keys' cubic with a = -1/2, which Pillow calls bicubic.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

/// Around the places of the output's pixels; Number is what the rule's library computes them in.
template <class Number>
std::vector<Taps> bilinear_taps(std::int64_t from, std::int64_t to, Number offset) {
  const Number scale = static_cast<Number>(from) / static_cast<Number>(to);
  std::vector<Taps> taps;
  for (std::int64_t i = 0; i < to; ++i)
    taps.push_back(
        between(std::max(Number{0}, scale * (static_cast<Number>(i) + offset) - offset), from));
  return taps;
}

/// Pillow's rule (precompute_coeffs in its Resample.c): to shrink, the cubic is as many times
/// wider.
std::vector<Taps> bicubic_taps(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double widening = std::max(scale, 1.0), support = 2.0 * widening;
  std::vector<Taps> all;
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max(static_cast<std::int64_t>(centre - support + 0.5), std::int64_t{0});
    const auto end = std::min(static_cast<std::int64_t>(centre + support + 0.5), from);
    Taps taps{.first = first};
    double sum = 0.0;
    for (std::int64_t k = first; k < end; ++k) {
      taps.weights.push_back(cubic((static_cast<double>(k) - centre + 0.5) / widening));
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights) weight /= sum;
    all.push_back(std::move(taps));
  }
  return all;
}

std::vector<Taps> taps_of(Resizing resizing, std::int64_t from) {
  switch (resizing) {
    case Resizing::pytorch:
      return bilinear_taps(from, Inception::kSize, 0.5F);
    case Resizing::tf1:
      return bilinear_taps(from, Inception::kSize, 0.0);
    case Resizing::clean:
      break;
  }
  return bicubic_taps(from, Inception::kSize);
}

}  // namespace

std::vector<float> inception_input(const data::Images& pictures, Resizing resizing) {
  data::Images numbers = pictures;
  numbers.values.assign(pictures.pixels.begin(), pictures.pixels.end());
  numbers.pixels.clear();
  std::vector<float> values =
      data::resample(numbers, taps_of(resizing, pictures.height), taps_of(resizing, pictures.width))
          .values;
  for (float& value : values) {
    if (resizing == Resizing::pytorch) {
      value = value / 127.5F - 1.0F;
    } else {
      if (resizing == Resizing::clean) value = std::clamp(value, 0.0F, 255.0F);
      value = (value - 128.0F) / 128.0F;
    }
  }
  return values;
}

std::unique_ptr<const FeatureNetwork> make_resnet56_network(const Device& device,
                                                            const NamedTensors& tensors,
                                                            const std::string& file) {
  return std::make_unique<OfResNet56>(ResNet56(device, tensors, file));
}

std::unique_ptr<const FeatureNetwork> make_inception_network(const Device& device,
                                                             const NamedTensors& tensors,
                                                             const std::string& file,
                                                             Resizing resizing) {
  return std::make_unique<OfInception>(Inception(device, tensors, file), resizing);
}

}  // namespace ddim::engine::eval
