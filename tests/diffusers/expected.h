#pragma once

#include <ddim/class_choice.h>
#include <ddim/image.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "api/class_condition.h"
#include "io/safetensors.h"
#include "model/model.h"
#include "tensor/kernels.h"

namespace ddim::test {

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

/// What the model predicts for x_t [N,C,H,W] at t, in the same layout.
inline std::vector<float> eps_of(const model::Model& model, const FloatImages& x, double t,
                                 const ClassChoice& choice, const Part& part = {}) {
  const auto num_channels = static_cast<std::size_t>(x.channels);
  const auto num_pixels = static_cast<std::size_t>(x.height * x.width);
  const std::size_t size = num_channels * num_pixels;
  const auto begin = static_cast<std::size_t>(part.first) * size;
  std::vector<float> values(static_cast<std::size_t>(part.count) * size);
  // Where element i of [N,H,W,C] stands in [N,C,H,W].
  const auto place = [&](std::size_t i) {
    return i / size * size + i % num_channels * num_pixels + i % size / num_channels;
  };
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = x.values[begin + place(i)];
  Tensor x_t(model.device, {part.count, x.height, x.width, x.channels});
  model.device.kernels().upload(values, x_t);
  values = to_host(model::predict(model.unet, x_t, t, static_cast<std::uint32_t>(part.first),
                                  condition_of(choice)));
  std::vector<float> eps(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) eps[place(i)] = values[i];
  return eps;
}

/// What diffusers computed with one network (tools/make_diffusers_goldens.py).
class Expected {
 public:
  explicit Expected(io::SafetensorsFile file) : file_(std::move(file)) {}

  std::vector<float> read(const std::string& name) const { return file_.read(name); }
  FloatImages images(const std::string& name) const {
    const std::vector<std::int64_t> shape = file_.at(name).shape;
    return {.count = shape[0],
            .channels = shape[1],
            .height = shape[2],
            .width = shape[3],
            .values = read(name)};
  }
  ClassChoice class_choice() const {
    ClassChoice choice;
    if (file_.find("classes") != nullptr) {
      for (const float k : read("classes")) choice.classes.push_back(static_cast<std::int64_t>(k));
    }
    if (file_.find("class_vectors") != nullptr) choice.vectors = read("class_vectors");
    return choice;
  }

  /// The largest difference between its eps and the model's.
  double eps_distance(const model::Model& model) const {
    const FloatImages x = images("x");
    const std::vector<float> t = read("t"), eps = read("eps");
    std::vector<float> found;
    for (std::int64_t n = 0; n < x.count; ++n) {  // each at its own t
      const std::vector<float> one = eps_of(model, x, t[static_cast<std::size_t>(n)],
                                            class_choice(), {.first = n, .count = 1});
      found.insert(found.end(), one.begin(), one.end());
    }
    return largest_difference(found, eps);
  }

 private:
  io::SafetensorsFile file_;
};

}  // namespace ddim::test
