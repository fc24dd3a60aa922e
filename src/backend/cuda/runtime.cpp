#include "backend/cuda/runtime.h"

#include <utility>

#include "base/error.h"

namespace ddim::engine::cuda {
namespace {

void check(const char* what, const char* error) {
  if (error != nullptr) fail(ErrorCode::user, what, ": ", error);
}

std::size_t mebibytes(std::size_t num_bytes) { return (num_bytes >> 20) + 1; }

class DeviceMemory final : public MemorySource {
 public:
  explicit DeviceMemory(std::shared_ptr<const Runtime> runtime) : runtime_(std::move(runtime)) {}

  std::byte* allocate(std::size_t num_bytes) override {
    return static_cast<std::byte*>(runtime_->allocate(num_bytes));
  }
  void deallocate(std::byte* data, std::size_t) noexcept override { runtime_->deallocate(data); }

 private:
  std::shared_ptr<const Runtime> runtime_;
};

}  // namespace

Runtime::Runtime(const Library& library) : library_(library) {
  check("no GPU can be used for the device cuda", library_.start(&description_, &stream_));
}
Runtime::~Runtime() { library_.finish(stream_); }

void* Runtime::allocate(std::size_t num_bytes) const {
  void* data = nullptr;
  check("cuda: taking memory", library_.allocate(num_bytes, &data));
  if (data == nullptr)
    fail(ErrorCode::user, "cuda: ", mebibytes(num_bytes), " MiB more are needed, and ",
         mebibytes(library_.free_bytes()), " MiB are free on ", gpu_name(),
         "; use a smaller batch");
  return data;
}
void Runtime::copy_to_device(const void* from, void* to, std::size_t num_bytes) const {
  check("cuda: copying to the GPU", library_.copy_to_device(stream_, from, to, num_bytes));
}
void Runtime::copy_to_host(const void* from, void* to, std::size_t num_bytes) const {
  check("cuda: copying from the GPU", library_.copy_to_host(stream_, from, to, num_bytes));
}
void Runtime::synchronize() const {
  check("cuda: waiting for the GPU", library_.synchronize(stream_));
}
void Runtime::begin() const { check("cuda: beginning kernels", library_.begin(stream_)); }

void Runtime::launch(KernelId kernel, const LaunchShape& shape, const void* arguments,
                     std::size_t argument_bytes) const {
  const char* error = library_.launch(stream_, kernel, shape, arguments, argument_bytes);
  if (error != nullptr) fail(ErrorCode::internal, "cuda: ", error);
}

DeviceBytes::DeviceBytes(std::shared_ptr<const Runtime> runtime, std::size_t num_bytes)
    : runtime_(std::move(runtime)),
      data_(static_cast<std::byte*>(runtime_->allocate(num_bytes))),
      num_bytes_(num_bytes) {}
DeviceBytes::~DeviceBytes() { runtime_->deallocate(data_); }

std::unique_ptr<MemorySource> make_device_memory(std::shared_ptr<const Runtime> runtime) {
  return std::make_unique<DeviceMemory>(std::move(runtime));
}

}  // namespace ddim::engine::cuda
