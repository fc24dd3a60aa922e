#include "nn/group_norm.h"

#include "ops/group_norm.h"

namespace ddim::engine {

GroupNorm::GroupNorm(ParameterList& parameters, const std::string& name, std::int64_t channels,
                     const GroupNormOptions& options)
    : name_(name),
      options_(options),
      weight_(parameters.add(name + ".weight", {channels}, ParameterRole::scale)),
      bias_(parameters.add(name + ".bias", {channels}, ParameterRole::shift)) {}

Var GroupNorm::operator()(Tape& tape, const ChannelVars& x) const {
  Var y = group_norm(tape, x, tape.leaf(weight_), tape.leaf(bias_), options_);  // [N,H,W,C]
  tape.observe(name_, y);
  return y;
}

}  // namespace ddim::engine
