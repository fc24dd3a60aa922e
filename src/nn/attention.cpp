#include "nn/attention.h"

#include <cmath>

#include "ops/add.h"
#include "ops/attention.h"
#include "ops/reshape.h"

namespace ddim {

Attention::Attention(ParameterList& parameters, const std::string& name, std::int64_t channels,
                     const UNetConfig& config)
    : name_(name),
      head_dim_(config.attention_head_dim.value_or(channels)),
      group_norm_(parameters, name + ".group_norm", channels,
                  {.num_groups = config.norm_num_groups, .epsilon = config.norm_eps}),
      to_q_(parameters, name + ".to_q", channels, channels),
      to_k_(parameters, name + ".to_k", channels, channels),
      to_v_(parameters, name + ".to_v", channels, channels),
      to_out_(parameters, name + ".to_out.0", channels, channels) {}

Var Attention::operator()(Tape& tape, const Var& x) const {
  const Shape& image = x.value().shape();
  const std::int64_t channels = image[3];
  const Shape tokens{image[0], image[1] * image[2], channels};
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_dim_));

  Var h = reshape(tape, group_norm_(tape, x), tokens);  // [N,L,C]
  const Var q = to_q_(tape, h);                         // [N,L,C]
  const Var k = to_k_(tape, h);                         // [N,L,C]
  const Var v = to_v_(tape, h);                         // [N,L,C]
  h = attention(tape, q, k, v, channels / head_dim_, scale);
  h = reshape(tape, to_out_(tape, h), image);  // [N,H,W,C]
  Var y = add(tape, x, h);                     // [N,H,W,C]
  tape.observe(name_, y);
  return y;
}

}  // namespace ddim
