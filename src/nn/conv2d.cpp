#include "nn/conv2d.h"

#include <cassert>

#include "ops/conv2d.h"

namespace ddim::engine {

Conv2d::Conv2d(ParameterList& parameters, const std::string& name, Channels channels,
               const ConvGeometry& geometry, ParameterRole weight_role)
    : name_(name),
      geometry_(geometry),
      weight_(parameters.add(name + ".weight",
                             {channels.out, channels.in, geometry.kernel, geometry.kernel},
                             weight_role)),
      bias_(parameters.add(name + ".bias", {channels.out}, ParameterRole::bias)) {}

Var Conv2d::operator()(Tape& tape, const ChannelVars& x, ConvAddends<Var> addends,
                       std::optional<DType> output) const {
  assert(!addends.bias.defined());
  addends.bias = tape.leaf(bias_);
  Var y = conv2d(tape, x, tape.leaf(weight_), addends, geometry_, output);  // [N,H_out,W_out,C_out]
  tape.observe(name_, y);
  return y;
}

}  // namespace ddim::engine
