#pragma once

#include <cstdint>

namespace ddim::engine::cpu::bf16 {

/// A PanelProduct in plain types; `a` and `b` are pairs of bf16.
struct PairProduct {
  const void* a;
  std::int64_t a_row_bytes;  // from one row to the next
  const void* b;
  std::int64_t num_rows;
  std::int64_t num_pairs;
  std::int64_t b_panel_bytes;  // from one panel to the next
  const float* bias;
  const float* addend;  // laid out as c, may be c; or null
  float* c;
  std::int64_t c_row_stride;
  std::int64_t c_panel_stride;
  std::int64_t num_columns;  // of all panels
};

/// multiply() by the instructions of AVX-512 BF16, which the processor must have.
void multiply_avx512(const PairProduct& product);

/// A sum of products whose right factors are one after the other: row i of the left factor of tap t
/// begins at a + tap_bytes[t] + i * a_row_bytes. So are the windows of a convolution multiplied
/// where they lie, one of its taps after the other.
struct PairTapProduct {
  PairProduct product;  // num_pairs: of each tap
  std::int64_t num_taps;
  const std::int64_t* tap_bytes;
  /// Rows of C that follow each other; one row of the product after them is left out, and so on.
  /// 0: none is.
  std::int64_t row_run;
};

/// The same by tiles of 16x16 sums (AMX), which the processor must have and the system must have
/// granted to this process.
void multiply_amx(const PairTapProduct& product);

/// BlockOfTaps in plain types.
struct PairBlockOfTaps {
  const void* a;
  std::int64_t a_row_bytes;
  std::int64_t num_runs;
  std::int64_t run_bytes;  // from one run to the next
  std::int64_t num_tiles;  // of a run
  const void* b;
  std::int64_t num_taps;
  const std::int64_t* tap_bytes;
  bool accumulate;
  float* c;
  std::int64_t c_tap_stride;
  std::int64_t c_row_stride;
};
void multiply_amx(const PairBlockOfTaps& product);

/// Asks the system for the registers of AMX, for all threads of the process; whether it grants
/// them.
bool allow_amx();

}  // namespace ddim::engine::cpu::bf16
