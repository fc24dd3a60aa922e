#include "nn/linear.h"

#include "ops/linear.h"

namespace ddim::engine {

Linear::Linear(ParameterList& parameters, const std::string& name, std::int64_t in_channels,
               std::int64_t out_channels, ParameterRole weight_role)
    : name_(name),
      weight_(parameters.add(name + ".weight", {out_channels, in_channels}, weight_role)),
      bias_(parameters.add(name + ".bias", {out_channels}, ParameterRole::bias)) {}

Var Linear::operator()(Tape& tape, const Var& x) const {
  Var y = linear(tape, x, tape.leaf(weight_), tape.leaf(bias_));  // [...,C_out]
  tape.observe(name_, y);
  return y;
}

}  // namespace ddim::engine
