#include "backend/cpu/cpu_kernels.h"

#include <utility>

#include "backend/cpu/engine.h"

namespace ddim::cpu {

CpuKernels::CpuKernels(std::unique_ptr<Engine> engine, int num_threads)
    : engine_(std::move(engine)), num_threads_(num_threads) {}

CpuKernels::~CpuKernels() = default;

}  // namespace ddim::cpu
