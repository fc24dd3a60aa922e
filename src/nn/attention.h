#pragma once

#include <optional>
#include <string>

#include "nn/attention_projections.h"
#include "nn/group_norm.h"
#include "nn/unet_config.h"

namespace ddim::engine {

struct AttentionOptions {
  std::int64_t channels = 0;
  std::optional<std::int64_t> norm_num_groups = {};  ///< none: no norm
  double output_scale_factor = 1.0;                  ///< the result is divided by it
};

/// Self-attention between the pixels of an image, added to its input. With one head or several,
/// each of C_head channels:
///   h = group_norm(x);  y = x + to_out(softmax(to_q(h) to_k(h)^T * C_head^-0.5) to_v(h))
/// With one head and no fewer tokens than channels, in two projections in place of four: see
/// FoldedProjections. Where C is no multiple of C_head, queries, keys and values have as many
/// channels as whole heads.
class Attention {
 public:
  Attention(ParameterList& parameters, const std::string& name, const AttentionOptions& options,
            const UNetConfig& config);

  Var operator()(Tape& tape, const Var& x) const;  // [N,H,W,C] -> [N,H,W,C]

 private:
  /// to_out(softmax(...) ...) of the tokens.
  Var attended(Tape& tape, const Var& h) const;  // [N,L,C] -> [N,L,C]

  std::string name_;
  double output_scale_factor_;
  std::int64_t head_dim_;
  std::int64_t num_heads_;
  std::optional<GroupNorm> group_norm_;
  AttentionProjections projections_;
};

}  // namespace ddim::engine
