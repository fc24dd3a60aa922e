#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/parameter.h"

namespace ddim::engine {

/// The parameters of a network in the order of their making, at addresses that stay. Layers make
/// theirs here and keep references.
class ParameterList {
 public:
  ParameterList(const Device& device, DType dtype) : device_(device), dtype_(dtype) {}

  /// A new parameter, uninitialised, persistent on the device.
  const Parameter& add(const std::string& name, const Shape& shape, ParameterRole role);

  const std::vector<const Parameter*>& all() const { return constant_view_; }
  const std::vector<Parameter*>& all_mutable() { return mutable_view_; }

 private:
  Device device_;
  DType dtype_;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<const Parameter*> constant_view_;
  std::vector<Parameter*> mutable_view_;
};

}  // namespace ddim::engine
