#pragma once

#include <cstdint>

#include "tensor/tape.h"

namespace ddim::engine {

/// y = softmax(scale * q k^T) v per image and head (Vaswani et al., 2017, eq. 1); head h is
/// channels h*C_head .. (h+1)*C_head-1 with C_head = C / num_heads: q, k, v [N,L,C] -> [N,L,C].
/// Throws Error(user) when C is not a multiple of num_heads or the shapes differ.
Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, std::int64_t num_heads,
              double scale);

}  // namespace ddim::engine
