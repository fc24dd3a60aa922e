#pragma once

#include <string>

#include "nn/group_norm.h"
#include "nn/linear.h"
#include "nn/unet_config.h"

namespace ddim {

/// Self-attention between the pixels of an image, added to its input:
///   h = group_norm(x);  y = x + to_out(softmax(to_q(h) to_k(h)^T * C_head^-0.5) to_v(h))
class Attention {
 public:
  Attention(ParameterList& parameters, const std::string& name, std::int64_t channels,
            const UNetConfig& config);

  Var operator()(Tape& tape, const Var& x) const;  // [N,H,W,C] -> [N,H,W,C]

 private:
  std::string name_;
  std::int64_t head_dim_;
  GroupNorm group_norm_;
  Linear to_q_, to_k_, to_v_, to_out_;
};

}  // namespace ddim
