#include "model/activation_memory.h"

#include "backend/make_device.h"

namespace ddim::model {

std::size_t activation_bytes(const std::function<void(const Device&)>& run) {
  std::size_t num_bytes = 0;
  {
    const Device device = make_dry_device();
    run(device);
    num_bytes = device.arena().peak_bytes();
  }
  // Within one piece the same requests meet the same gaps every time, so what was enough here is
  // enough for the real run.
  while (true) {
    const Device device = make_dry_device();
    device.arena().reserve(num_bytes);
    run(device);
    if (device.arena().num_system_allocations() <= 1) return num_bytes;
    num_bytes += num_bytes / 16 + Arena::kAlignment;
  }
}

}  // namespace ddim::model
