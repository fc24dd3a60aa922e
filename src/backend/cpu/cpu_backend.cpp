#include "backend/cpu/cpu_backend.h"

#include <utility>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/isa.h"
#include "base/error.h"

namespace ddim::engine {
namespace {

class CpuBackend final : public Device::Backend {
 public:
  explicit CpuBackend(std::unique_ptr<cpu::Engine> engine) : kernels_(std::move(engine)) {}

  Kernels& kernels() override { return kernels_; }
  std::unique_ptr<Device::Backend> fork(std::shared_ptr<ThreadTeam> team) override {
    return std::make_unique<CpuBackend>(kernels_.engine().fork(std::move(team)));
  }
  bool shares_out_loops() const override { return true; }
  std::unique_ptr<MemorySource> memory() override { return make_host_memory(); }
  /// Larger micro-batches bring no speed and need memory: the CIFAR-10 network took 66, 62, 60, 59
  /// and 61 ms of one core per image with 1, 2, 4, 8 and 16 of them.
  ImageDivision image_division() const override { return {.largest_micro_batch = 8}; }
  std::string describe() const override {
    const cpu::Engine& engine = kernels_.engine();
    const bool is_direct = engine.conv_algorithm() == cpu::ConvAlgorithm::direct;
    return concat("cpu ", cpu::to_string(cpu::active_isa()),
                  is_direct ? " with direct convolutions" : "",
                  engine.precision() == Precision::bf16 ? ", bf16" : "");
  }

 private:
  cpu::CpuKernels kernels_;
};

}  // namespace

std::unique_ptr<Device::Backend> make_cpu_backend(int num_threads, Precision precision,
                                                  MemoryUse memory_use) {
  require(num_threads >= 1, "cpu backend: number of threads (", num_threads,
          ") must be at least 1");
  return std::make_unique<CpuBackend>(std::make_unique<cpu::Engine>(
      std::make_shared<ThreadTeam>(num_threads), precision, memory_use));
}

}  // namespace ddim::engine
