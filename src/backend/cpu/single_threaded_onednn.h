#pragma once

#include <dnnl_config.h>
#include <omp.h>

#if DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP
#error \
    "This oneDNN was not built for OpenMP (ONEDNN_CPU_RUNTIME=OMP), so ddim cannot set its threads"
#endif

namespace ddim::engine::cpu {

/// While it lives, oneDNN's primitives that this thread makes or runs use one thread: their
/// blocking, and with it the order of sums, would depend on the number otherwise. Our kernels
/// share work out themselves (parallel.h). Restores the caller's setting.
class SingleThreadedOneDnn {
 public:
  SingleThreadedOneDnn() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThreadedOneDnn() { omp_set_num_threads(before_); }
  SingleThreadedOneDnn(const SingleThreadedOneDnn&) = delete;
  SingleThreadedOneDnn& operator=(const SingleThreadedOneDnn&) = delete;

 private:
  int before_;
};

}  // namespace ddim::engine::cpu
