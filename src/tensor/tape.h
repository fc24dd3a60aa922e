#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/parameter.h"
#include "tensor/tensor.h"

namespace ddim::engine {

class Tape;

/// A tensor in a computation, with the slot its gradient will arrive in. A handle, cheap to copy.
class Var {
 public:
  Var() = default;
  const Tensor& value() const { return value_; }
  bool defined() const { return value_.defined(); }
  bool needs_grad() const { return slot_ != nullptr; }
  /// Where a gradient of this value goes: allocated at the first request, which overwrites; later
  /// ones accumulate. Undefined when nobody wants it. The caller promises to write it.
  Grad grad() const;
  /// Hands a gradient on, unchanged: dy itself becomes the gradient of this value, if that is the
  /// first one, and is added to it otherwise. It is the last use that a closure makes of its dy.
  /// Nothing happens when nobody wants it.
  void pass_grad(const Tensor& dy) const;

 private:
  friend class Tape;
  struct Slot {
    Tensor tensor;                   // of an intermediate value
    Gradients* gradients = nullptr;  // or: of a parameter
    std::size_t index = 0;
  };
  Var(Tensor value, std::shared_ptr<Slot> slot)
      : value_(std::move(value)), slot_(std::move(slot)) {}

  Tensor value_;
  std::shared_ptr<Slot> slot_;
};

/// Runs a computation forward and, if it records, remembers how to run it backward: each op
/// computes its output and leaves one closure. A tape for inference remembers nothing and allocates
/// nothing.
class Tape {
 public:
  /// Called with the name of a layer and what it put out: used to find where a NaN began.
  using Observer = std::function<void(std::string_view layer, const Tensor& value)>;

  /// For inference.
  Tape() = default;
  /// For training: parameters' gradients go to `gradients`; dropout draws from `dropout_noise`
  /// (seed and step; the lane is the layer's) for images first_image, first_image+1, ...
  Tape(Gradients& gradients, const NoiseKey& dropout_noise, std::uint32_t first_image)
      : gradients_(&gradients), dropout_noise_(dropout_noise), first_image_(first_image) {}

  bool recording() const { return gradients_ != nullptr; }
  const NoiseKey& dropout_noise() const { return dropout_noise_; }
  std::uint32_t first_image() const { return first_image_; }

  /// A value that no gradient is wanted for.
  Var constant(Tensor value) const { return {std::move(value), nullptr}; }
  /// A value whose gradient can be read after backward(): for tests and for what is not a
  /// parameter.
  Var variable(Tensor value) const;
  /// A parameter; its gradient goes to the tape's Gradients.
  Var leaf(const Parameter& parameter) const;

  /// The output of an op. When recording, `backward(dy)` is called once with the whole gradient of
  /// `y`; it holds copies of the Vars that it needs and asks them for their grad().
  template <class Backward>
  Var record(Tensor y, Backward&& backward) {
    if (!recording()) return {std::move(y), nullptr};
    auto slot = std::make_shared<Var::Slot>();
    steps_.push_back({slot, std::forward<Backward>(backward)});
    return {std::move(y), std::move(slot)};
  }

  /// Runs all closures, last first, starting from the gradient `dy` of `output`. Each closure and
  /// each gradient of an intermediate value is dropped as soon as it is used.
  void backward(const Var& output, const Tensor& dy);

  void set_observer(Observer observer) { observer_ = std::move(observer); }
  /// Layers report what they computed, under their checkpoint name.
  void observe(std::string_view layer, const Var& value) const {
    if (observer_) observer_(layer, value.value());
  }

 private:
  struct Step {
    std::shared_ptr<Var::Slot> output;
    std::function<void(const Tensor& dy)> backward;
  };

  Gradients* gradients_ = nullptr;
  NoiseKey dropout_noise_;
  std::uint32_t first_image_ = 0;
  std::vector<Step> steps_;
  Observer observer_;
};

}  // namespace ddim::engine
