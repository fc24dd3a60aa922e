#include "backend/cpu/cpu_kernels.h"

#include <utility>

#include "backend/cpu/engine.h"

namespace ddim::engine::cpu {

CpuKernels::CpuKernels(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

CpuKernels::~CpuKernels() = default;

ThreadTeam& CpuKernels::team() { return engine_->team(); }

}  // namespace ddim::engine::cpu
