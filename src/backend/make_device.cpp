#include "backend/make_device.h"

#include <utility>

#include "backend/cpu/cpu_backend.h"
#include "backend/dry_run.h"
#include "backend/ref/ref_backend.h"
#include "base/error.h"

namespace ddim {

Device make_device(BackendKind kind, int num_threads, Profile* profile) {
  require(num_threads >= 1, "device: threads must be at least 1, found ", num_threads);
  std::unique_ptr<Device::Backend> backend =
      kind == BackendKind::ref ? make_ref_backend() : make_cpu_backend(num_threads);
  if (profile != nullptr) backend = make_profiling_backend(std::move(backend), *profile);
  return Device(std::move(backend));
}

Device make_dry_device() { return Device(make_dry_backend()); }

}  // namespace ddim
