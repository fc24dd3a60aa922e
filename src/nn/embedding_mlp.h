#pragma once

#include <string>

#include "nn/linear.h"
#include "nn/unet_config.h"

namespace ddim::engine {

/// y = linear_2(silu(linear_1(x))): what makes the time embedding out of the numbers that stand
/// for t.
class EmbeddingMlp {
 public:
  EmbeddingMlp(ParameterList& parameters, const std::string& name, const UNetConfig& config);

  Var operator()(Tape& tape, const Var& x) const;  // [N,C] -> [N,C_emb]

 private:
  Linear linear_1_, linear_2_;
};

}  // namespace ddim::engine
