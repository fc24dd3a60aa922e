#include "nn/attention_projections.h"

#include <array>
#include <mutex>

#include "ops/add.h"
#include "ops/matmul.h"
#include "ops/reshape.h"

namespace ddim {
namespace {

/// b as the matrix of one row.
Var row(Tape& tape, const Var& b) { return reshape(tape, b, {1, b.value().size()}); }
Var vector(Tape& tape, const Var& row) { return reshape(tape, row, {row.value().size()}); }

FoldedProjections computed(Tape& tape, const Device& device, const AttentionProjections& p) {
  const Var w_k = tape.leaf(p.to_k().weight());
  const Var w_o = tape.leaf(p.to_out().weight());
  const Var b_q = row(tape, tape.leaf(p.to_q().bias()));
  const Var b_v = row(tape, tape.leaf(p.to_v().bias()));
  const Var b_o = row(tape, tape.leaf(p.to_out().bias()));
  return {
      .query_weight = matmul(tape, device, transposed(w_k), {tape.leaf(p.to_q().weight())}),
      .query_bias = vector(tape, matmul(tape, device, {b_q}, {w_k})),
      .out_weight = matmul(tape, device, {w_o}, {tape.leaf(p.to_v().weight())}),
      .out_bias = vector(tape, add(tape, matmul(tape, device, {b_v}, transposed(w_o)), b_o)),
  };
}

/// A copy that outlives the activations.
Var kept_copy(const Tape& tape, const Var& x) {
  const Tensor& from = x.value();
  Tensor copy = Tensor::persistent(from.device(), from.shape(), from.dtype());
  from.device().kernels().copy(from, copy);
  return tape.constant(copy);
}

}  // namespace

/// What was folded last, and of what.
struct AttentionProjections::Kept {
  struct Version {
    std::uint64_t storage_id = 0;
    std::uint64_t version = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  /// Where it lies, and the state of the parameters that it was made of. A dry device has memory of
  /// its own.
  struct Origin {
    const Arena* memory = nullptr;
    std::array<Version, 7> parameters = {};
    friend bool operator==(const Origin&, const Origin&) = default;
  };
  static Origin origin(const AttentionProjections& p, const Device& device) {
    const auto version = [](const Parameter& parameter) {
      return Version{parameter.value.storage_id(), parameter.value.version()};
    };
    return {.memory = &device.persistent_memory(),
            .parameters = {version(p.to_q_.weight()), version(p.to_q_.bias()),
                           version(p.to_k_.weight()), version(p.to_v_.weight()),
                           version(p.to_v_.bias()), version(p.to_out_.weight()),
                           version(p.to_out_.bias())}};
  }

  std::mutex mutex;
  Origin origin_of_folded;
  FoldedProjections folded;
};

AttentionProjections::AttentionProjections(ParameterList& parameters, const std::string& name,
                                           std::int64_t channels, std::int64_t head_channels)
    : to_q_(parameters, name + ".to_q", channels, head_channels),
      to_k_(parameters, name + ".to_k", channels, head_channels),
      to_v_(parameters, name + ".to_v", channels, head_channels),
      to_out_(parameters, name + ".to_out.0", head_channels, channels),
      kept_(std::make_unique<Kept>()) {}

AttentionProjections::AttentionProjections(AttentionProjections&&) noexcept = default;
AttentionProjections& AttentionProjections::operator=(AttentionProjections&&) noexcept = default;
AttentionProjections::~AttentionProjections() = default;

FoldedProjections AttentionProjections::fold(Tape& tape, const Device& device) const {
  if (tape.recording()) return computed(tape, device, *this);
  const std::lock_guard lock(kept_->mutex);
  const Kept::Origin origin = Kept::origin(*this, device);
  if (origin != kept_->origin_of_folded) {
    const FoldedProjections now = computed(tape, device, *this);
    kept_->folded = {.query_weight = kept_copy(tape, now.query_weight),
                     .query_bias = kept_copy(tape, now.query_bias),
                     .out_weight = kept_copy(tape, now.out_weight),
                     .out_bias = kept_copy(tape, now.out_bias)};
    kept_->origin_of_folded = origin;
  }
  return kept_->folded;
}

}  // namespace ddim
