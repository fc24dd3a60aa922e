#include "nn/parameter_list.h"

namespace ddim::engine {

const Parameter& ParameterList::add(const std::string& name, const Shape& shape,
                                    ParameterRole role) {
  parameters_.push_back(std::make_unique<Parameter>(
      Parameter{name, Tensor::persistent(device_, shape, dtype_), parameters_.size(), role}));
  constant_view_.push_back(parameters_.back().get());
  mutable_view_.push_back(parameters_.back().get());
  return *parameters_.back();
}

}  // namespace ddim::engine
