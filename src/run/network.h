#pragma once

#include <ddim/class_choice.h>
#include <ddim/denoiser.h>
#include <ddim/picture_shape.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/shape.h"
#include "diffusion/schedule.h"
#include "nn/unet.h"

namespace ddim::engine::run {

/// A network as a run sees it: something that predicts what is noise in pictures.
class Network {
 public:
  virtual ~Network() = default;

  virtual PictureShape shape() const = 0;  ///< of its pictures
  virtual const Device& device() const = 0;
  /// Error(user) for a t that this network has no meaning for; to be asked before a long run.
  virtual void check_times(std::span<const double> t) const = 0;
  /// Error(user), naming what is wrong, when the network cannot be told this: a class that it does
  /// not have, classes for a network without, none for one with, guidance without a null class.
  virtual void check_classes(const ClassChoice& choice) const = 0;
  /// Whether the network predicts a variance, too: 2C channels for pictures of C.
  virtual bool learns_variance() const { return false; }
  /// Images whose numbers differ by a multiple of it get the same prediction for the same x;
  /// nothing where every number may matter.
  virtual std::optional<std::int64_t> period(const ClassChoice& choice) const = 0;
  /// The prediction for images first_image, first_image + 1, ... of a run under a choice that
  /// check_classes() has let pass: x [N,H,W,C], all at the same t -> [N,H,W,C]. The result for an
  /// image depends on the image, its number and the choice alone. Error(numeric), naming layer, t
  /// and images, when the network returns NaN or infinity.
  virtual Tensor predict(const Tensor& x, double t, std::uint32_t first_image,
                         const ClassChoice& choice) const = 0;
  /// The same with what says the variance behind it, of a network that learns_variance():
  /// [N,H,W,2C]. Guidance is of the prediction; the variance is that of the class.
  virtual Tensor predict_with_variance(const Tensor& x, double t, std::uint32_t first_image,
                                       const ClassChoice& choice) const {
    return predict(x, t, first_image, choice);
  }
  /// predict() on a dry device: takes the memory that predict() takes, and computes nothing.
  virtual Tensor rehearse(const Tensor& x, double t, const ClassChoice& choice) const {
    return predict(x, t, 0, choice);
  }
};

/// Calls of the network for each prediction: 2 with guidance.
inline std::int64_t num_calls(const ClassChoice& choice) { return choice.guidance == 1.0 ? 1 : 2; }

/// A U-Net, which must outlive this. Error(user) for a network whose output is neither of the
/// shape of its input nor twice as many channels, of which the second half says the variance.
std::unique_ptr<const Network> make_network(const UNet& unet);

/// A function of the caller's, on plain memory. Error(user) without a function or for an empty
/// shape.
std::unique_ptr<const Network> make_network(Denoiser denoiser);

/// A network with the forward process that it was trained for.
struct TrainedNetwork {
  std::shared_ptr<const Network> network;
  diffusion::Schedule schedule;
  Prediction prediction = Prediction::eps;
};

/// A choice that the network accepts, whatever it is: class 0, or a vector of zeros. For timing and
/// comparing.
ClassChoice any_class(const UNetConfig& config);

/// [N,H,W,C]
inline Shape activation_shape(const PictureShape& shape, std::int64_t count) {
  return {count, shape.height, shape.width, shape.channels};
}

}  // namespace ddim::engine::run
