#pragma once

#include <cstdint>

#include "backend/cpu/parallel.h"
#include "backend/cpu/reduce_simd.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {

/// sums[c] = or += sum over rows of x[r,c], first row to last: the gradient of a bias.
/// x [num_rows, num_columns].
inline void column_sums(ThreadTeam& team, const float* x, std::int64_t num_rows,
                        std::int64_t num_columns, Grad& sums) {
  constexpr std::int64_t kColumns = 32;  // of a task: two lines of the cache in each row
  float* const y = sums.tensor.data<float>();
  parallel_blocks(team, num_columns, kColumns, [&](std::int64_t c, std::int64_t count) {
    simd::column_sums(x + c, num_rows, num_columns, count, sums.write, y + c);
  });
}

}  // namespace ddim::engine::cpu
