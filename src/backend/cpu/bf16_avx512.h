#pragma once

#include <cstdint>

namespace ddim::engine::cpu::bf16 {

/// A PanelProduct in plain types; `a` and `b` are pairs of bf16.
struct PairProduct {
  const void* a;
  const void* b;
  std::int64_t num_rows;
  std::int64_t num_pairs;
  std::int64_t b_panel_bytes;  // from one panel to the next
  const float* bias;
  const float* residual;
  bool accumulate;
  float* c;
  std::int64_t c_row_stride;
  std::int64_t c_panel_stride;
  std::int64_t num_columns;  // of all panels
};

/// multiply() by the instructions of AVX-512 BF16, which the processor must have.
void multiply_avx512(const PairProduct& product);

}  // namespace ddim::engine::cpu::bf16
