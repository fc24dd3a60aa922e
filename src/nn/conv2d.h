#pragma once

#include <functional>
#include <optional>
#include <string>

#include "nn/parameter_list.h"
#include "ops/channel_vars.h"
#include "tensor/kernels.h"
#include "tensor/tape.h"

namespace ddim::engine {

/// A convolution with a bias of its own, and with what else its caller wants added to the result.
class Conv2d {
 public:
  struct Channels {
    std::int64_t in, out;
  };

  /// Parameters name.weight [C_out,C_in,kernel,kernel] and name.bias [C_out].
  Conv2d(ParameterList& parameters, const std::string& name, Channels channels,
         const ConvGeometry& geometry, ParameterRole weight_role = ParameterRole::weight);

  /// [N,H,W,C_in] -> [N,H_out,W_out,C_out]
  Var operator()(Tape& tape, const ChannelVars& x) const { return (*this)(tape, x, {}); }
  /// The addends are without a bias: that is the layer's. The result is of type `output`, or that
  /// of x.
  Var operator()(Tape& tape, const ChannelVars& x, ConvAddends<Var> addends,
                 std::optional<DType> output = {}) const;

 private:
  std::string name_;
  ConvGeometry geometry_;
  std::reference_wrapper<const Parameter> weight_, bias_;
};

}  // namespace ddim::engine
