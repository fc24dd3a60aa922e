#include "backend/cuda/cuda_backend.h"

#include <utility>

#include "backend/cuda/cuda_kernels.h"
#include "base/error.h"

namespace ddim::engine {
namespace {

class CudaBackend final : public Device::Backend {
 public:
  CudaBackend(std::shared_ptr<const cuda::Runtime> runtime, Precision precision)
      : runtime_(std::move(runtime)), precision_(precision), kernels_(runtime_, precision_) {}

  Kernels& kernels() override { return kernels_; }
  std::unique_ptr<Device::Backend> fork(std::shared_ptr<ThreadTeam>) override {
    return std::make_unique<CudaBackend>(runtime_, precision_);
  }
  std::unique_ptr<MemorySource> memory() override { return cuda::make_device_memory(runtime_); }
  bool memory_is_the_hosts() const override { return false; }
  std::optional<std::size_t> free_bytes() const override { return runtime_->free_bytes(); }
  /// The largest tensor of the CIFAR-10 network is 34 MB then, which the second-level cache of an
  /// H100 (50 MB) holds. All workers share one stream.
  ImageDivision image_division() const override {
    return {.largest_micro_batch = 64, .most_workers = 1};
  }
  DType activation_dtype() const override {
    return precision_ == Precision::bf16 ? DType::bf16 : DType::f32;
  }
  void wait() const override { runtime_->synchronize(); }
  std::string describe() const override {
    return concat("cuda ", runtime_->gpu_name(),
                  precision_ == Precision::fp32 ? "" : concat(", ", to_string(precision_)));
  }

 private:
  std::shared_ptr<const cuda::Runtime> runtime_;
  Precision precision_;
  cuda::CudaKernels kernels_;
};

}  // namespace

std::unique_ptr<Device::Backend> make_cuda_backend(const cuda::Library& library,
                                                   Precision precision) {
  return std::make_unique<CudaBackend>(std::make_shared<const cuda::Runtime>(library), precision);
}

}  // namespace ddim::engine
