#include "run/activation_memory.h"

#include "backend/make_device.h"

namespace ddim::engine::run {

std::size_t activation_bytes(const Device& device, const std::function<void(const Device&)>& run) {
  const Device dry = make_dry_device(device.activation_dtype(DType::f32));
  run(dry);
  return dry.arena().peak_bytes();
}

}  // namespace ddim::engine::run
