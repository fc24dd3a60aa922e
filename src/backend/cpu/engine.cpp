#include "backend/cpu/engine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "backend/cpu/isa.h"
#include "backend/cpu/simd_dispatch.h"
#include "base/error.h"

namespace ddim::engine::cpu {
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
    case Isa::avx512_bf16:
    case Isa::amx_bf16:  // oneDNN computes in fp32 here
      return dnnl::cpu_isa::avx512_core;
  }
  return std::nullopt;
}

/// oneDNN takes a cap only before its first primitive, and keeps it for the whole process: so does
/// this function remember whether it was taken, as a constant of the process and not of a device.
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

int FormatNumbers::of(const dnnl::memory::desc& format) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(formats_, format);
  const auto number = static_cast<int>(found - formats_.begin());
  if (found == formats_.end()) formats_.push_back(format);
  return number;
}

Engine::Engine(std::shared_ptr<ThreadTeam> team, Precision precision, MemoryUse memory_use)
    : team_(std::move(team)),
      precision_(precision),
      memory_use_(memory_use),
      conv_algorithm_(conv_algorithm_of_environment()),
      onednn_(make_onednn_engine()),
      format_numbers_(std::make_shared<FormatNumbers>()) {
  cap_highway_targets(active_isa());
  make_streams();
}

Engine::Engine(const Engine& other, std::shared_ptr<ThreadTeam> team)
    : team_(std::move(team)),
      precision_(other.precision_),
      memory_use_(other.memory_use_),
      conv_algorithm_(other.conv_algorithm_),
      onednn_(other.onednn_),
      format_numbers_(other.format_numbers_) {
  make_streams();
}

void Engine::make_streams() {
  for (int thread = 0; thread < team_->size(); ++thread) streams_.emplace_back(onednn_);
}

bool Engine::multiplies_tiles() const {
  return precision_ == Precision::bf16 && active_isa() == Isa::amx_bf16;
}

std::unique_ptr<Engine> Engine::fork(std::shared_ptr<ThreadTeam> team) const {
  return std::unique_ptr<Engine>(new Engine(*this, std::move(team)));
}

ConvForward& Engine::conv_forward(const ConvForwardKey& key) {
  return find_or_make(conv_forward_, key,
                      [&] { return make_conv_forward(onednn_, key, team_->size()); });
}

ConvBackward& Engine::conv_backward_input(const ConvShape& shape) {
  return find_or_make(conv_backward_input_, shape,
                      [&] { return make_conv_backward_input(onednn_, shape, team_->size()); });
}

ConvBackward& Engine::conv_backward_weight(const ConvShape& shape) {
  return find_or_make(conv_backward_weight_, shape,
                      [&] { return make_conv_backward_weight(onednn_, shape); });
}

}  // namespace ddim::engine::cpu
