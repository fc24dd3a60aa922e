#include "nn/attention.h"

#include <cmath>

#include "ops/add.h"
#include "ops/attention.h"
#include "ops/linear.h"
#include "ops/reshape.h"
#include "ops/scale.h"

namespace ddim::engine {
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
      projections_(parameters, name, options.channels, num_heads_ * head_dim_) {}

Var Attention::attended(Tape& tape, const Var& h) const {
  const double softmax_scale = 1.0 / std::sqrt(static_cast<double>(head_dim_));
  const std::int64_t num_tokens = h.value().dim(1);
  const std::int64_t channels = h.value().dim(2);
  // Folding costs two products of [C,C] matrices, and saves two of [L,C] by [C,C] for each image.
  if (num_heads_ == 1 && head_dim_ == channels && num_tokens >= channels) {
    const FoldedProjections folded = projections_.fold(tape, h.value().device());
    const Var q = linear(tape, h, folded.query_weight, folded.query_bias);  // [N,L,C]
    return linear(tape, attention(tape, q, h, h, 1, softmax_scale), folded.out_weight,
                  folded.out_bias);
  }
  const Var q = projections_.to_q()(tape, h);  // [N,L,C_heads]
  const Var k = projections_.to_k()(tape, h);  // [N,L,C_heads]
  const Var v = projections_.to_v()(tape, h);  // [N,L,C_heads]
  return projections_.to_out()(tape, attention(tape, q, k, v, num_heads_, softmax_scale));
}

Var Attention::operator()(Tape& tape, const Var& x) const {
  const Shape& image = x.value().shape();
  const Shape tokens{image[0], image[1] * image[2], image[3]};
  Var h = reshape(tape, group_norm_ ? (*group_norm_)(tape, x) : x, tokens);  // [N,L,C]
  h = reshape(tape, attended(tape, h), image);                               // [N,H,W,C]
  Var y = scale(tape, add(tape, x, h), 1.0 / output_scale_factor_);          // [N,H,W,C]
  tape.observe(name_, y);
  return y;
}

}  // namespace ddim::engine
