#pragma once

#include <functional>
#include <string>

#include "nn/parameter_list.h"
#include "ops/channel_vars.h"
#include "tensor/kernels.h"
#include "tensor/tape.h"

namespace ddim::engine {

/// Group norm with a scale and a shift per channel, then an activation.
class GroupNorm {
 public:
  /// Parameters name.weight [C] (the scale) and name.bias [C] (the shift).
  GroupNorm(ParameterList& parameters, const std::string& name, std::int64_t channels,
            const GroupNormOptions& options);

  Var operator()(Tape& tape, const ChannelVars& x) const;  // [N,H,W,C] -> [N,H,W,C]

 private:
  std::string name_;
  GroupNormOptions options_;
  std::reference_wrapper<const Parameter> weight_, bias_;
};

}  // namespace ddim::engine
