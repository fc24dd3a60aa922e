#include "backend/cpu/engine.h"

#include <utility>

#include "backend/cpu/isa.h"
#include "backend/cpu/simd_dispatch.h"
#include "base/error.h"

namespace ddim::cpu {
namespace {

dnnl::cpu_isa onednn_isa(Isa isa) {
  switch (isa) {
    case Isa::sse4:
      return dnnl::cpu_isa::sse41;
    case Isa::avx2:
      return dnnl::cpu_isa::avx2;
    case Isa::avx512:
      return dnnl::cpu_isa::avx512_core;
  }
  return dnnl::cpu_isa::sse41;
}

/// oneDNN takes a cap only before its first primitive, and keeps it for the whole process.
dnnl::engine make_onednn_engine() {
  const Isa isa = active_isa();
  static const dnnl::status capped = dnnl::set_max_cpu_isa(onednn_isa(isa));
  require(capped == dnnl::status::success || isa == Isa::avx512 ||
              dnnl::get_effective_cpu_isa() == onednn_isa(isa),
          "cpu backend: this process has used oneDNN before, so it cannot be held to ",
          to_string(isa), " as DDIM_ISA asks; make a ddim device first");
  return {dnnl::engine::kind::cpu, 0};
}

}  // namespace

Engine::Engine() : Engine(make_onednn_engine(), std::make_shared<PackedParameters>()) {
  cap_highway_targets(active_isa());
}

Engine::Engine(const dnnl::engine& onednn, std::shared_ptr<PackedParameters> packed_parameters)
    : onednn_(onednn), packed_parameters_(std::move(packed_parameters)), stream_(onednn_) {}

std::unique_ptr<Engine> Engine::fork() const {
  return std::unique_ptr<Engine>(new Engine(onednn_, packed_parameters_));
}

}  // namespace ddim::cpu
