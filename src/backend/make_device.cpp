#include "backend/make_device.h"

#include "backend/dry_run.h"
#include "backend/ref/ref_backend.h"
#include "base/error.h"
#ifdef DDIM_HAS_CPU_BACKEND
#include "backend/cpu/cpu_backend.h"
#endif

namespace ddim {

Device make_device(BackendKind kind, int num_threads) {
  require(num_threads >= 1, "device: threads must be at least 1, found ", num_threads);
  if (kind == BackendKind::ref) return Device(make_ref_backend());
#ifdef DDIM_HAS_CPU_BACKEND
  return Device(make_cpu_backend(num_threads));
#else
  fail(ErrorCode::user, "device: the cpu backend is not part of this build; use ref");
#endif
}

Device make_dry_device() { return Device(make_dry_backend()); }

}  // namespace ddim
