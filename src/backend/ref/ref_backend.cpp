#include "backend/ref/ref_backend.h"

#include "backend/ref/ref_kernels.h"

namespace ddim::engine {
namespace {

class RefBackend final : public Device::Backend {
 public:
  Kernels& kernels() override { return kernels_; }
  std::unique_ptr<Device::Backend> fork(std::shared_ptr<ThreadTeam>) override {
    return make_ref_backend();
  }
  std::unique_ptr<MemorySource> memory() override { return make_host_memory(); }
  std::string describe() const override { return "ref"; }

 private:
  ref::RefKernels kernels_;
};

}  // namespace

std::unique_ptr<Device::Backend> make_ref_backend() { return std::make_unique<RefBackend>(); }

}  // namespace ddim::engine
