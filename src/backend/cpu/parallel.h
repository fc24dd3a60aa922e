#pragma once

#include <cstdint>

namespace ddim::cpu {

/// Calls body(i) for i in 0..n-1 on up to `num_threads` threads. Iterations must be independent,
/// and what one computes must not depend on the number of threads. Threads come from OpenMP, the
/// pool that oneDNN uses, so that the two never compete; a build without OpenMP (thread sanitizer)
/// runs serially.
template <class Body>
void parallel_for(int num_threads, std::int64_t n, const Body& body) {
#ifdef _OPENMP
  if (num_threads > 1 && n > 1) {
#pragma omp parallel for num_threads(num_threads) schedule(static)
    for (std::int64_t i = 0; i < n; ++i) body(i);
    return;
  }
#else
  static_cast<void>(num_threads);
#endif
  for (std::int64_t i = 0; i < n; ++i) body(i);
}

}  // namespace ddim::cpu
