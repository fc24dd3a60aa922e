#include "eval/compare.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/error.h"
#include "run/network.h"
#include "tensor/kernels.h"

namespace ddim::engine::eval {
namespace {

/// The answer to noise of a shape, that of the network's own pictures where none is given yet.
std::vector<float> output_of(const MakeUNet& make_unet, std::int64_t t,
                             std::optional<Shape>& shape) {
  const UNet unet = make_unet();
  const auto network = run::make_network(unet);
  if (!shape) shape = run::activation_shape(network->shape(), 1);
  Tensor x(network->device(), *shape);  // [1,H,W,C]
  x.device().kernels().normal_noise({.seed = 0, .purpose = Purpose::evaluation}, 0, x);
  return to_host(network->predict(x, static_cast<double>(t), 0, run::any_class(unet.config())));
}

}  // namespace

OutputDistance compare_networks(const MakeUNet& first, const MakeUNet& second, std::int64_t t) {
  std::optional<Shape> shape;
  const std::vector<float> a = output_of(first, t, shape);
  const std::vector<float> b = output_of(second, t, shape);
  require(a.size() == b.size(), "compare: the two networks make pictures of different sizes");
  OutputDistance distance;
  for (std::size_t i = 0; i < a.size(); ++i) {
    distance.largest_difference =
        std::max(distance.largest_difference, std::abs(double{a[i]} - double{b[i]}));
    distance.largest_output = std::max(distance.largest_output, std::abs(double{a[i]}));
  }
  return distance;
}

}  // namespace ddim::engine::eval
