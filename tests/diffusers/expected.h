#pragma once

#include <ddim/class_choice.h>
#include <ddim/image.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "io/picture_tensor.h"
#include "io/safetensors.h"
#include "run/network.h"
#include "tensor/kernels.h"

namespace ddim::test {

using namespace engine;

/// NaN if there is one.
inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/// Some of the images of a set.
struct Part {
  std::int64_t first = 0;
  std::int64_t count = 2;
};

/// What the network predicts at t for these of the images: [N,H,W,C].
inline std::vector<float> eps_of(const run::Network& network, const FloatImages& x, double t,
                                 const ClassChoice& choice, const Part& part = {}) {
  const std::size_t size = x.shape.size();
  Tensor x_t(network.device(), run::activation_shape(x.shape, part.count));
  network.device().kernels().upload(
      std::span(x.values).subspan(static_cast<std::size_t>(part.first) * size,
                                  static_cast<std::size_t>(part.count) * size),
      x_t);
  return to_host(network.predict(x_t, t, static_cast<std::uint32_t>(part.first), choice));
}

/// What diffusers computed with one network (tools/make_diffusers_goldens.py).
class Expected {
 public:
  explicit Expected(io::SafetensorsFile file) : file_(std::move(file)) {}

  std::vector<float> read(const std::string& name) const { return file_.read(name); }
  FloatImages images(const std::string& name) const {
    const std::vector<std::int64_t> shape = file_.at(name).shape;
    return io::from_planes(read(name), shape[0],
                           {.channels = shape[1], .height = shape[2], .width = shape[3]});
  }
  ClassChoice class_choice() const {
    ClassChoice choice;
    if (file_.find("classes") != nullptr) {
      for (const float k : read("classes")) choice.classes.push_back(static_cast<std::int64_t>(k));
    }
    if (file_.find("class_vectors") != nullptr) choice.vectors = read("class_vectors");
    return choice;
  }

  /// The largest difference between its eps and the network's.
  double eps_distance(const run::Network& network) const {
    const FloatImages x = images("x");
    const std::vector<float> t = read("t");
    std::vector<float> found;
    for (std::int64_t n = 0; n < x.count; ++n) {  // each at its own t
      const std::vector<float> one = eps_of(network, x, t[static_cast<std::size_t>(n)],
                                            class_choice(), {.first = n, .count = 1});
      found.insert(found.end(), one.begin(), one.end());
    }
    return largest_difference(found, images("eps").values);
  }

 private:
  io::SafetensorsFile file_;
};

}  // namespace ddim::test
