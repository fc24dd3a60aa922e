#include "run/activation_memory.h"

#include "backend/make_device.h"

namespace ddim::engine::run {

std::size_t activation_bytes(const std::function<void(const Device&)>& run) {
  const Device device = make_dry_device();
  run(device);
  return device.arena().peak_bytes();
}

}  // namespace ddim::engine::run
