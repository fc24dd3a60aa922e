// libddim_cuda.so: the one file that calls CUDA. Compiled by nvcc.
#include <cuda_runtime.h>

#include <mutex>

#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

const char* message_of(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}
cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

const KernelTable& table() {
  static const KernelTable kernels = all_kernels();
  return kernels;
}

/// More than 48 KiB of shared memory is for those who ask.
cudaError_t allow_shared_memory(int max_bytes) {
  for (const KernelEntry& entry : table().entries) {
    cudaFuncAttributes attributes;
    if (const cudaError_t error = cudaFuncGetAttributes(&attributes, entry.kernel)) return error;
    const int bytes = max_bytes - static_cast<int>(attributes.sharedSizeBytes);
    if (const cudaError_t error =
            cudaFuncSetAttribute(entry.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes))
      return error;
  }
  return cudaSuccess;
}

const char* start(GpuDescription* description, void** stream) {
  int driver = 0, num_gpus = 0;
  cudaDriverGetVersion(&driver);
  if (driver == 0) return "there is no NVIDIA driver (nvidia-smi shows whether one works)";
  if (driver < CUDART_VERSION / 1000 * 1000)
    return "the NVIDIA driver is too old: CUDA 13 needs version 580 or newer (see nvidia-smi)";
  if (const cudaError_t error = cudaGetDeviceCount(&num_gpus)) return message_of(error);
  if (num_gpus == 0) return "there is no GPU";
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, 0)) return message_of(error);
  if (properties.major < 8) return "the GPU is older than compute capability 8.0 (Ampere)";
  if (const cudaError_t error = cudaSetDevice(0)) return message_of(error);
  const int max_shared_bytes = static_cast<int>(properties.sharedMemPerBlockOptin);
  if (const cudaError_t error = allow_shared_memory(max_shared_bytes)) return message_of(error);
  cudaStream_t made;
  if (const cudaError_t error = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking))
    return message_of(error);
  *stream = made;
  *description = {};
  for (int i = 0; i < 127 && properties.name[i] != 0; ++i)
    description->name[i] = properties.name[i];
  description->max_shared_bytes = max_shared_bytes;
  return message_of(cudaMemGetInfo(&description->free_bytes, &description->total_bytes));
}
void finish(void* stream) { cudaStreamDestroy(stream_of(stream)); }

const char* allocate(std::size_t num_bytes, void** data) {
  return message_of(cudaMalloc(data, num_bytes));
}
void deallocate(void* data) { cudaFree(data); }
std::size_t free_bytes() {
  std::size_t available = 0, total = 0;
  cudaMemGetInfo(&available, &total);
  return available;
}

const char* synchronize(void* stream) {
  return message_of(cudaStreamSynchronize(stream_of(stream)));
}
const char* copy(void* stream, const void* from, void* to, std::size_t num_bytes,
                 cudaMemcpyKind kind) {
  if (const cudaError_t error = cudaMemcpyAsync(to, from, num_bytes, kind, stream_of(stream)))
    return message_of(error);
  return synchronize(stream);
}
const char* copy_to_device(void* stream, const void* from, void* to, std::size_t num_bytes) {
  return copy(stream, from, to, num_bytes, cudaMemcpyHostToDevice);
}
const char* copy_to_host(void* stream, const void* from, void* to, std::size_t num_bytes) {
  return copy(stream, from, to, num_bytes, cudaMemcpyDeviceToHost);
}

const char* launch(void* stream, KernelId kernel, const LaunchShape& shape, const void* arguments,
                   std::size_t argument_bytes) {
  const KernelEntry& entry = table()[kernel];
  if (entry.argument_bytes != argument_bytes) return "the arguments are another kernel's";
  void* pointers[] = {const_cast<void*>(arguments)};
  return message_of(
      cudaLaunchKernel(entry.kernel, dim3(shape.grid[0], shape.grid[1], shape.grid[2]),
                       dim3(shape.threads), pointers, shape.shared_bytes, stream_of(stream)));
}

constexpr Library kLibrary{.version = kLibraryVersion,
                           .start = start,
                           .finish = finish,
                           .allocate = allocate,
                           .deallocate = deallocate,
                           .free_bytes = free_bytes,
                           .copy_to_device = copy_to_device,
                           .copy_to_host = copy_to_host,
                           .synchronize = synchronize,
                           .launch = launch};

}  // namespace
}  // namespace ddim::engine::cuda

extern "C" __attribute__((visibility("default"))) const ddim::engine::cuda::Library*
ddim_cuda_library() {
  return &ddim::engine::cuda::kLibrary;
}
