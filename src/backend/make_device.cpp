#include "backend/make_device.h"

#include <utility>

#include "backend/cpu/cpu_backend.h"
#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/open_library.h"
#include "backend/dry_run.h"
#include "backend/ref/ref_backend.h"
#include "base/error.h"

namespace ddim::engine {
namespace {

std::unique_ptr<Device::Backend> make_backend(DeviceKind kind, const DeviceOptions& options) {
  switch (kind) {
    case DeviceKind::cpu:
      break;
    case DeviceKind::reference:
      return make_ref_backend();
    case DeviceKind::cuda:
      return make_cuda_backend(cuda::open_library(), options.precision);
  }
  return make_cpu_backend(options.num_threads, options.precision, options.memory_use);
}

}  // namespace

Device make_device(DeviceKind kind, const DeviceOptions& options) {
  require(options.num_threads >= 1, "device: threads must be at least 1, found ",
          options.num_threads);
  require(kind != DeviceKind::reference || options.precision == Precision::fp32,
          "device: the reference has fp32 alone, not ", to_string(options.precision),
          "; it is what others are measured against");
  require(kind == DeviceKind::cuda || options.precision != Precision::bf16x3,
          "precision: bf16x3 is for tensor cores (device cuda); elsewhere fp32 is as exact, and "
          "faster");
  std::unique_ptr<Device::Backend> backend = make_backend(kind, options);
  if (options.profile != nullptr)
    backend = make_profiling_backend(std::move(backend), *options.profile);
  return Device(std::move(backend));
}

Device make_dry_device(DType activations) { return Device(make_dry_backend(activations)); }

}  // namespace ddim::engine
