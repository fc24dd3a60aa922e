#pragma once

#include <cstdint>
#include <string>

#include "nn/linear.h"

namespace ddim::engine {

/// The four projections of an attention with one head, folded into two. With tokens h,
///   q k^T = h (W_q^T W_k) h^T + (b_q W_k) h^T + terms that are the same for all keys, which
///   softmax does not see, and  to_out(P v) = (P h) (W_o W_v)^T + W_o b_v + b_o,  as the rows of P
///   sum to 1.
/// So with query = h query_weight^T + query_bias, the tokens themselves are keys and values, and
/// the biases of the keys drop out.
struct FoldedProjections {
  Var query_weight;  ///< [C,C] = W_k^T W_q
  Var query_bias;    ///< [C] = W_k^T b_q
  Var out_weight;    ///< [C,C] = W_o W_v
  Var out_bias;      ///< [C] = W_o b_v + b_o
};

/// to_q, to_k, to_v and to_out of an attention.
class AttentionProjections {
 public:
  /// C channels of the tokens, C_heads of the queries, keys and values.
  AttentionProjections(ParameterList& parameters, const std::string& name, std::int64_t channels,
                       std::int64_t head_channels);

  const Linear& to_q() const { return to_q_; }
  const Linear& to_k() const { return to_k_; }
  const Linear& to_v() const { return to_v_; }
  const Linear& to_out() const { return to_out_; }

  /// On a recording tape, computed with gradients for the parameters. Else computed once for each
  /// state of the parameters, and kept among DerivedParameters. Thread-safe.
  FoldedProjections fold(Tape& tape, const Device& device) const;

 private:
  Linear to_q_, to_k_, to_v_, to_out_;
};

}  // namespace ddim::engine
