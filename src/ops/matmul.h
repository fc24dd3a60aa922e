#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// A factor of a product, as it is or transposed.
struct FactorVar {
  Var matrix;
  bool transposed = false;
};
inline FactorVar transposed(Var matrix) { return {std::move(matrix), true}; }

/// op(a) op(b) in full precision, whatever the backend's: [M,K], [K,N] -> [M,N]. For parameters;
/// what runs over pixels is linear(). Parameters belong to the device that all workers share:
/// `device` is the one that computes.
Var matmul(Tape& tape, const Device& device, const FactorVar& a, const FactorVar& b);

}  // namespace ddim::engine
