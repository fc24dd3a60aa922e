#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nn/folded_conv.h"

namespace ddim::engine {

/// The classifier Inception v3 as the FID is defined by (Heusel et al., 2017): that of TensorFlow's
/// file of 2015-12-05 with 1,008 classes, under the names of its translation
/// pt_inception-2015-12-05-6726825d.pth. It differs from torchvision's network: means of pooling
/// leave out the border, and the last block pools by the maximum.
class Inception {
 public:
  static constexpr std::int64_t kSize = 299;  ///< height and width of its pictures
  static constexpr std::int64_t kFeatures = 2048;
  static constexpr std::int64_t kClasses = 1008;

  /// The names and shapes of the tensors that its file must have.
  static std::map<std::string, std::vector<std::int64_t>> layout();

  /// Folds the batch norms into the convolutions. Others of `tensors` (num_batches_tracked) are not
  /// looked at. Error(corrupt), naming `file` and the tensor, for one that is missing or has
  /// another shape.
  Inception(const Device& device, const NamedTensors& tensors, const std::string& file);

  struct Output {
    std::vector<float> features;  ///< [N,2048]: channel means before the classifier
    /// [N,1008]: softmax of the classifier without its bias, as in published inception scores:
    /// their code multiplies by its matrix alone.
    std::vector<float> probabilities;
  };
  /// Pictures [N,299,299,3] in [-1, 1], on `device` or a worker of it.
  Output operator()(const Device& device, std::span<const float> pictures) const;

 private:
  class Run;
  std::map<std::string, FoldedConv> convolutions_;  ///< by their names in the file
  NamedTensor classifier_;
};

}  // namespace ddim::engine
