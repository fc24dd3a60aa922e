#include "nn/resnet56.h"

#include <array>

#include "base/error.h"
#include "ops/activate.h"
#include "ops/conv2d.h"

namespace ddim::engine {
namespace {

// Of ImageNet, which the network was trained with.
constexpr std::array<double, 3> kMeans{0.485, 0.456, 0.406};
constexpr std::array<double, 3> kDeviations{0.229, 0.224, 0.225};
constexpr double kNormEpsilon = 1e-5;
constexpr std::int64_t kBlocksPerStage = 9;

/// Channel c of x becomes channel c + C/2 of 2C.
std::vector<float> shortcut_weight(std::int64_t channels) {
  std::vector<float> weight(static_cast<std::size_t>(2 * channels * channels), 0.0F);
  for (std::int64_t c = 0; c < channels; ++c)
    weight[static_cast<std::size_t>((c + channels / 2) * channels + c)] = 1.0F;
  return weight;
}

}  // namespace

ResNet56::ResNet56(const Device& device, const NamedTensors& tensors,
                   const std::string& file_name) {
  const ClassifierFile file{tensors, file_name, "resnet56-cifar10"};
  const auto load = [&](const std::string& conv, const std::string& norm, std::int64_t c_in,
                        std::int64_t c_out) {
    return fold(device, file, conv, norm, {c_out, c_in, 3, 3}, kNormEpsilon);
  };
  first_ = load("conv1", "bn1", 3, 16);
  std::int64_t channels = 16;
  for (int stage = 1; stage <= 3; ++stage) {
    for (std::int64_t i = 0; i < kBlocksPerStage; ++i) {
      const bool shrinks = stage > 1 && i == 0;
      const std::int64_t c_out = shrinks ? 2 * channels : channels;
      const std::string name = concat("layer", stage, ".", i, ".");
      Block block{.first = load(name + "conv1", name + "bn1", channels, c_out),
                  .second = load(name + "conv2", name + "bn2", c_out, c_out),
                  .shortcut = {}};
      if (shrinks) {
        block.stride = 2;
        block.shortcut = from_host(device, {c_out, channels, 1, 1}, shortcut_weight(channels));
      }
      blocks_.push_back(std::move(block));
      channels = c_out;
    }
  }
  classifier_ = file.get("linear.weight", {kClasses, kFeatures});
  classifier_bias_ = file.get("linear.bias", {kClasses});
}

ResNet56::Output ResNet56::operator()(const Device& device, std::span<const float> pictures) const {
  const auto N = static_cast<std::int64_t>(pictures.size()) / (kSize * kSize * 3);
  std::vector<float> normalised(pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i)
    normalised[i] = static_cast<float>((pictures[i] - kMeans[i % 3]) / kDeviations[i % 3]);
  Tensor x(device, {N, kSize, kSize, 3});
  device.kernels().upload(normalised, x);

  Tape tape;
  const auto convolve = [&](const Var& in, const FoldedConv& by, std::int64_t stride,
                            const Var& residual) {
    const Var y = conv2d(tape, in, tape.constant(by.weight),
                         {.bias = tape.constant(by.bias), .residual = residual},
                         {.kernel = 3, .stride = stride});
    return activate(tape, y, Activation::relu);
  };
  Var h = convolve(tape.constant(x), first_, 1, {});  // [N,32,32,16]
  for (const Block& block : blocks_) {
    const Var inner = convolve(h, block.first, block.stride, {});
    const Var shortcut =
        block.shortcut.defined()
            ? conv2d(tape, h, tape.constant(block.shortcut), {},
                     {.kernel = 1, .stride = block.stride, .pad_begin = 0, .pad_end = 0})
            : h;
    h = convolve(inner, block.second, 1, shortcut);
  }
  Tensor sums(device, {N, kFeatures});  // of [N,8,8,64]
  device.kernels().sum_pixels(h.value(), {sums});

  Output output{.features = to_host(sums), .probabilities = {}};
  const auto num_pixels = static_cast<float>(h.value().dim(1) * h.value().dim(2));
  for (float& value : output.features) value /= num_pixels;
  output.probabilities = class_probabilities(output.features, classifier_, classifier_bias_.values);
  return output;
}

}  // namespace ddim::engine
