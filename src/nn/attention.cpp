#include "nn/attention.h"

#include <cmath>

#include "ops/add.h"
#include "ops/attention.h"
#include "ops/reshape.h"
#include "ops/scale.h"

namespace ddim {
namespace {

std::optional<GroupNorm> make_norm(ParameterList& parameters, const std::string& name,
                                   const AttentionOptions& options, const UNetConfig& config) {
  if (!options.norm_num_groups) return std::nullopt;
  return GroupNorm(parameters, name + ".group_norm", options.channels,
                   {.num_groups = *options.norm_num_groups, .epsilon = config.norm_eps});
}

}  // namespace

Attention::Attention(ParameterList& parameters, const std::string& name,
                     const AttentionOptions& options, const UNetConfig& config)
    : name_(name),
      output_scale_factor_(options.output_scale_factor),
      head_dim_(config.attention_head_dim.value_or(options.channels)),
      num_heads_(options.channels / head_dim_),
      group_norm_(make_norm(parameters, name, options, config)),
      to_q_(parameters, name + ".to_q", options.channels, num_heads_ * head_dim_),
      to_k_(parameters, name + ".to_k", options.channels, num_heads_ * head_dim_),
      to_v_(parameters, name + ".to_v", options.channels, num_heads_ * head_dim_),
      to_out_(parameters, name + ".to_out.0", num_heads_ * head_dim_, options.channels) {}

Var Attention::operator()(Tape& tape, const Var& x) const {
  const Shape& image = x.value().shape();
  const Shape tokens{image[0], image[1] * image[2], image[3]};
  const double softmax_scale = 1.0 / std::sqrt(static_cast<double>(head_dim_));

  Var h = reshape(tape, group_norm_ ? (*group_norm_)(tape, x) : x, tokens);  // [N,L,C]
  const Var q = to_q_(tape, h);                                              // [N,L,C_heads]
  const Var k = to_k_(tape, h);                                              // [N,L,C_heads]
  const Var v = to_v_(tape, h);                                              // [N,L,C_heads]
  h = attention(tape, q, k, v, num_heads_, softmax_scale);                   // [N,L,C_heads]
  h = reshape(tape, to_out_(tape, h), image);                                // [N,H,W,C]
  Var y = scale(tape, add(tape, x, h), 1.0 / output_scale_factor_);          // [N,H,W,C]
  tape.observe(name_, y);
  return y;
}

}  // namespace ddim
