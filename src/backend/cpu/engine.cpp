#include "backend/cpu/engine.h"

#include <optional>
#include <utility>

#include "backend/cpu/conv_algorithm.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/simd_dispatch.h"
#include "base/error.h"

namespace ddim::cpu {
namespace {

/// What oneDNN is held to. On aarch64 it knows no cap, and may use SVE.
std::optional<dnnl::cpu_isa> onednn_cap(Isa isa) {
  switch (isa) {
    case Isa::neon:
      return std::nullopt;
    case Isa::sse4:
      return dnnl::cpu_isa::sse41;
    case Isa::avx2:
      return dnnl::cpu_isa::avx2;
    case Isa::avx512:
    case Isa::avx512_bf16:  // oneDNN computes in fp32 here
      return dnnl::cpu_isa::avx512_core;
  }
  return std::nullopt;
}

/// oneDNN takes a cap only before its first primitive, and keeps it for the whole process.
void cap_onednn(Isa isa) {
  const std::optional<dnnl::cpu_isa> cap = onednn_cap(isa);
  if (!cap) return;
  static const dnnl::status capped = dnnl::set_max_cpu_isa(*cap);
  require(capped == dnnl::status::success || isa >= Isa::avx512 ||
              dnnl::get_effective_cpu_isa() == *cap,
          "cpu backend: this process has used oneDNN before, so it cannot be held to ",
          to_string(isa), " as DDIM_ISA asks; make a ddim device first");
}

dnnl::engine make_onednn_engine() {
  cap_onednn(active_isa());
  return {dnnl::engine::kind::cpu, 0};
}

/// The value of `key`, made by `make()` if there is none.
template <class Key, class Value, class Make>
Value& find_or_make(std::map<Key, Value>& values, const Key& key, const Make& make) {
  const auto found = values.find(key);
  if (found != values.end()) return found->second;
  return values.emplace(key, make()).first->second;
}

}  // namespace

Engine::Engine(int num_threads, Precision precision, MemoryUse memory_use)
    : Engine(make_onednn_engine(), std::make_shared<PackedParameters>(), num_threads, precision,
             memory_use) {
  cap_highway_targets(active_isa());
  allowed_conv_algorithm();  // says now what is wrong with the environment
}

Engine::Engine(const dnnl::engine& onednn, std::shared_ptr<PackedParameters> packed_parameters,
               int num_threads, Precision precision, MemoryUse memory_use)
    : team_(num_threads),
      precision_(precision),
      memory_use_(memory_use),
      onednn_(onednn),
      packed_parameters_(std::move(packed_parameters)) {
  for (int thread = 0; thread < num_threads; ++thread) streams_.emplace_back(onednn_);
}

std::unique_ptr<Engine> Engine::fork(int num_threads) const {
  return std::unique_ptr<Engine>(
      new Engine(onednn_, packed_parameters_, num_threads, precision_, memory_use_));
}

ConvForward& Engine::conv_forward(const ConvForwardKey& key) {
  return find_or_make(conv_forward_, key,
                      [&] { return make_conv_forward(onednn_, key, team_.size()); });
}

ConvBackward& Engine::conv_backward_input(const ConvShape& shape) {
  return find_or_make(conv_backward_input_, shape,
                      [&] { return make_conv_backward_input(onednn_, shape, team_.size()); });
}

ConvBackward& Engine::conv_backward_weight(const ConvShape& shape) {
  return find_or_make(conv_backward_weight_, shape,
                      [&] { return make_conv_backward_weight(onednn_, shape); });
}

}  // namespace ddim::cpu
