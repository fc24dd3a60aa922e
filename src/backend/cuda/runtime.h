#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "backend/cuda/library.h"
#include "tensor/arena.h"

namespace ddim::engine::cuda {

/// A GPU and the one stream in which everything on it happens, in the order in which it was asked
/// for: by this device and all of its workers.
class Runtime {
 public:
  /// Throws Error(user) where there is no GPU, with what is missing.
  explicit Runtime(const Library& library);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  std::string gpu_name() const { return description_.name; }
  std::size_t max_shared_bytes() const {
    return static_cast<std::size_t>(description_.max_shared_bytes);
  }
  int num_multiprocessors() const { return description_.num_multiprocessors; }

  void* allocate(std::size_t num_bytes) const;
  void deallocate(void* data) const noexcept { library_.deallocate(stream_, data); }
  std::size_t free_bytes() const { return library_.free_bytes(); }
  void copy_to_device(const void* from, void* to, std::size_t num_bytes) const;
  void copy_to_host(const void* from, void* to, std::size_t num_bytes) const;
  void synchronize() const;
  /// Lets the GPU begin what was launched, and go on by itself.
  void begin() const;

  /// Runs the kernel that has such arguments.
  template <class Arguments>
  void launch(const LaunchShape& shape, const Arguments& arguments) const {
    launch(Arguments::kId, shape, &arguments, sizeof arguments);
  }

 private:
  void launch(KernelId kernel, const LaunchShape& shape, const void* arguments,
              std::size_t argument_bytes) const;

  const Library& library_;
  GpuDescription description_{};
  void* stream_ = nullptr;
};

/// Memory of the GPU.
class DeviceBytes {
 public:
  DeviceBytes(std::shared_ptr<const Runtime> runtime, std::size_t num_bytes);
  ~DeviceBytes();
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size() const { return num_bytes_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::shared_ptr<const Runtime> runtime_;
  std::byte* data_;
  std::size_t num_bytes_;
};

/// For arenas.
std::unique_ptr<MemorySource> make_device_memory(std::shared_ptr<const Runtime> runtime);

}  // namespace ddim::engine::cuda
