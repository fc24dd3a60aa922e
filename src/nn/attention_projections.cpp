#include "nn/attention_projections.h"

#include <array>
#include <memory>

#include "ops/add.h"
#include "ops/matmul.h"
#include "ops/reshape.h"
#include "tensor/derived_parameters.h"

namespace ddim::engine {
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

/// The folded projections as the device keeps them.
struct KeptProjections {
  Tensor query_weight, query_bias, out_weight, out_bias;
};

void copy(Kernels& kernels, const Var& from, Tensor& to) {
  kernels.copy(from.value(), to);
  to.mark_modified();  // packed copies are made of it
}

}  // namespace

AttentionProjections::AttentionProjections(ParameterList& parameters, const std::string& name,
                                           std::int64_t channels, std::int64_t head_channels)
    : to_q_(parameters, name + ".to_q", channels, head_channels),
      to_k_(parameters, name + ".to_k", channels, head_channels),
      to_v_(parameters, name + ".to_v", channels, head_channels),
      to_out_(parameters, name + ".to_out.0", head_channels, channels, ParameterRole::last_weight) {
}

FoldedProjections AttentionProjections::fold(Tape& tape, const Device& device) const {
  if (tape.recording()) return computed(tape, device, *this);
  const Tensor& first = to_q_.weight().value;
  const std::array sources{&first,
                           &to_q_.bias().value,
                           &to_k_.weight().value,
                           &to_v_.weight().value,
                           &to_v_.bias().value,
                           &to_out_.weight().value,
                           &to_out_.bias().value};
  const std::int64_t C = first.dim(1);
  const DType dtype = first.dtype();
  const DerivedKey key{
      .purpose = "folded_attention",
      .element = dtype == DType::f32 ? DerivedKey::Element::f32 : DerivedKey::Element::f64};
  DerivedParameters& derived = device.derived_parameters();
  const Device& home =
      derived.keeps(first) ? first.device() : device;  // a worker may be gone sooner
  const auto kept = derived.get<KeptProjections>(
      sources, key,
      [&] {
        const auto persistent = [&](const Shape& shape) {
          return Tensor::persistent(home, shape, dtype);
        };
        return std::make_shared<KeptProjections>(KeptProjections{
            persistent({C, C}), persistent({C}), persistent({C, C}), persistent({C})});
      },
      [&](KeptProjections& to) {
        const FoldedProjections now = computed(tape, device, *this);
        Kernels& k = device.kernels();
        copy(k, now.query_weight, to.query_weight);
        copy(k, now.query_bias, to.query_bias);
        copy(k, now.out_weight, to.out_weight);
        copy(k, now.out_bias, to.out_bias);
      });
  return {.query_weight = tape.constant(kept->query_weight),
          .query_bias = tape.constant(kept->query_bias),
          .out_weight = tape.constant(kept->out_weight),
          .out_bias = tape.constant(kept->out_bias)};
}

}  // namespace ddim::engine
