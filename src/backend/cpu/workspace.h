#pragma once

#include <cstddef>

#include "backend/cpu/aligned_bytes.h"

namespace ddim::engine::cpu {

/// Scratch memory of one worker: grows to the largest request, then is reused. What was handed out
/// before is lost with each request, so a kernel asks once and divides what it gets.
class Workspace {
 public:
  /// `num_bytes` aligned bytes, contents undefined. Never fewer than one byte.
  std::byte* get(std::size_t num_bytes);

 private:
  AlignedBytes data_;
  std::size_t capacity_ = 0;
};

}  // namespace ddim::engine::cpu
