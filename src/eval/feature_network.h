#pragma once

#include <ddim/resizing.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/images.h"
#include "nn/folded_conv.h"

namespace ddim::engine::eval {

/// A network whose features sets of pictures are compared by.
class FeatureNetwork {
 public:
  struct Output {
    std::vector<float> features = {};       ///< [N,num_features()]
    std::vector<float> probabilities = {};  ///< [N,num_classes()]
  };
  virtual ~FeatureNetwork() = default;

  virtual const char* name() const = 0;  ///< as it is called in recipes
  virtual std::int64_t num_features() const = 0;
  virtual std::int64_t num_classes() const = 0;
  /// Height and width of its pictures; nothing: it resizes any.
  virtual std::optional<std::int64_t> picture_size() const = 0;
  /// Pictures of bytes with 3 channels, on a worker of the device that it was loaded to.
  virtual Output operator()(const Device& worker, const data::Images& pictures) const = 0;
};

/// By ResNet56. Errors as its constructor.
std::unique_ptr<const FeatureNetwork> make_resnet56_network(const Device& device,
                                                            const NamedTensors& tensors,
                                                            const std::string& file);
/// By Inception.
std::unique_ptr<const FeatureNetwork> make_inception_network(const Device& device,
                                                             const NamedTensors& tensors,
                                                             const std::string& file,
                                                             Resizing resizing);

/// Pictures of bytes as Inception takes them: resized to 299x299 by a rule and scaled,
/// [N,299,299,C] in about -1 to 1.
std::vector<float> inception_input(const data::Images& pictures, Resizing resizing);

}  // namespace ddim::engine::eval
