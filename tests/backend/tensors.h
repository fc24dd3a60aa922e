#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tensor/kernels.h"

namespace ddim::test {

using namespace engine;

/// A tensor of normal values, other ones for another `stream`; image n of [N,...] has the same
/// values whatever N is.
inline Tensor normal_tensor(const Device& device, const Shape& shape, std::uint32_t stream) {
  Tensor tensor = Tensor::persistent(device, shape);
  const std::int64_t size = shape.size() / shape[0];
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    fill_normal({.seed = 7, .purpose = Purpose::evaluation, .step = stream},
                static_cast<std::uint32_t>(n),
                tensor.values<float>().subspan(static_cast<std::size_t>(n * size),
                                               static_cast<std::size_t>(size)));
  }
  return tensor;
}

/// Whether two tensors have the same elements; NaN is not the same as NaN.
inline bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::ranges::equal(a.values<float>(), b.values<float>());
}

}  // namespace ddim::test
