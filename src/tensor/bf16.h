#pragma once

#include <cstdint>

namespace ddim::engine {

/// An element of DType::bf16: the upper half of a float. Also for the compilers of GPUs.
struct Bf16 {
  std::uint16_t bits;
};

}  // namespace ddim::engine
