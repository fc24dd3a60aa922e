#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/folded_conv.h"

namespace ddim::engine {

/// The classifier ResNet-56 for CIFAR-10 (He et al., 2016, section 4.2): 3x3 convolutions with
/// batch norm, three stages of nine blocks with 16, 32 and 64 channels, and shortcuts without
/// parameters
/// ("option A": every second pixel, zeros for the new channels).
class ResNet56 {
 public:
  static constexpr std::int64_t kSize = 32;  ///< height and width of its pictures
  static constexpr std::int64_t kFeatures = 64;
  static constexpr std::int64_t kClasses = 10;

  /// Folds the batch norms into the convolutions. `tensors` have the names and shapes of the
  /// published files: conv1.weight, bn1.running_mean, layer1.0.conv1.weight, linear.weight ...;
  /// others (num_batches_tracked) are not looked at. Error(corrupt), naming `file` and the tensor,
  /// for one that is missing or has another shape.
  ResNet56(const Device& device, const NamedTensors& tensors, const std::string& file);

  struct Output {
    std::vector<float> features;       ///< [N,64]: channel means before the classifier
    std::vector<float> probabilities;  ///< [N,10]: softmax of the classifier
  };
  /// Pictures [N,32,32,3] in [0, 1], on `device` or a worker of it.
  Output operator()(const Device& device, std::span<const float> pictures) const;

 private:
  struct Block {
    FoldedConv first, second;
    std::int64_t stride = 1;
    Tensor shortcut;  // undefined: x itself
  };
  FoldedConv first_;
  std::vector<Block> blocks_;
  NamedTensor classifier_, classifier_bias_;
};

}  // namespace ddim::engine
