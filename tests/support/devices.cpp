#include "tests/support/devices.h"

#include <algorithm>
#include <cstdlib>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/open_library.h"
#if defined(DDIM_HAS_EMULATION)
#include "backend/cuda/emulated_library.h"
#endif

namespace ddim::test {
namespace {

using engine::Device;
using engine::DeviceOptions;

bool tests_the_gpu() { return std::getenv("DDIM_TEST_GPU") != nullptr; }

/// The GPU, which is said to be as small as the emulation, so that the small problems of tests get
/// the tiles of large ones.
Device small_gpu(Precision precision) {
  static engine::cuda::Library library = engine::cuda::open_library();
  library.start = [](engine::cuda::GpuDescription* description, void** stream) {
    const char* const error = engine::cuda::open_library().start(description, stream);
    description->num_multiprocessors = 2;
    return error;
  };
  return Device(engine::make_cuda_backend(library, precision));
}

#if defined(DDIM_HAS_EMULATION)
using engine::cuda::emulation::Order;

Device emulated(Order order, Precision precision) {
  return Device(engine::make_cuda_backend(engine::cuda::emulated_library(order), precision));
}
#endif

}  // namespace

Device device(DeviceKind kind, const DeviceOptions& options) {
  if (kind == DeviceKind::cuda && tests_the_gpu()) return small_gpu(options.precision);
#if defined(DDIM_HAS_EMULATION)
  if (kind == DeviceKind::cuda) return emulated(Order::forward, options.precision);
#endif
  return engine::make_device(kind, options);
}

Device emulated_gpu_with([[maybe_unused]] std::size_t free_bytes) {
#if defined(DDIM_HAS_EMULATION)
  static std::size_t free = 0;
  free = free_bytes;
  static engine::cuda::Library library = engine::cuda::emulated_library(Order::forward);
  library.free_bytes = [] { return free; };
  return Device(engine::make_cuda_backend(library, Precision::fp32));
#else
  return {};
#endif
}

std::vector<int> kernels_never_run() {
  std::vector<int> kernels;
#if defined(DDIM_HAS_EMULATION)
  for (int id = 0; !tests_the_gpu() && id < static_cast<int>(engine::cuda::KernelId::count); ++id)
    if (engine::cuda::emulation::num_launches(static_cast<engine::cuda::KernelId>(id)) == 0)
      kernels.push_back(id);
#endif
  return kernels;
}

std::vector<DeviceKind> device_kinds() {
  std::vector<DeviceKind> kinds{DeviceKind::reference, DeviceKind::cpu};
#if defined(DDIM_HAS_EMULATION)
  kinds.push_back(DeviceKind::cuda);
#else
  if (tests_the_gpu()) kinds.push_back(DeviceKind::cuda);
#endif
  return kinds;
}

bool has_device(DeviceKind kind) {
  const std::vector<DeviceKind> kinds = device_kinds();
  return std::ranges::find(kinds, kind) != kinds.end();
}

std::vector<Device> devices_alike(DeviceKind kind, Precision precision) {
  std::vector<Device> devices;
  if (kind == DeviceKind::cuda && tests_the_gpu())
    return {small_gpu(precision), engine::make_device(kind, {.precision = precision})};
#if defined(DDIM_HAS_EMULATION)
  if (kind == DeviceKind::cuda) {
    for (const Order order : {Order::forward, Order::backward, Order::shuffled})
      devices.push_back(emulated(order, precision));
    return devices;
  }
#endif
  for (const int num_threads : {1, 2, 4})
    devices.push_back(
        engine::make_device(kind, {.num_threads = num_threads, .precision = precision}));
  return devices;
}

std::string name_of(DeviceKind kind) {
  return kind == DeviceKind::reference ? "ref" : std::string(to_string(kind));
}

}  // namespace ddim::test
