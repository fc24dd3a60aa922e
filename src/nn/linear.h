#pragma once

#include <functional>
#include <string>

#include "nn/parameter_list.h"
#include "tensor/tape.h"

namespace ddim::engine {

/// y = x weight^T + bias, over the last axis.
class Linear {
 public:
  /// Parameters name.weight [C_out,C_in] and name.bias [C_out].
  Linear(ParameterList& parameters, const std::string& name, std::int64_t in_channels,
         std::int64_t out_channels, ParameterRole weight_role = ParameterRole::weight);

  Var operator()(Tape& tape, const Var& x) const;  // [...,C_in] -> [...,C_out]

  const Parameter& weight() const { return weight_; }  // [C_out,C_in]
  const Parameter& bias() const { return bias_; }      // [C_out]

 private:
  std::string name_;
  std::reference_wrapper<const Parameter> weight_, bias_;
};

}  // namespace ddim::engine
