// An attention with one head is computed from folded projections: the same function and the same
// gradients as from the four that the checkpoint has.

#include "nn/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/make_device.h"
#include "ops/add.h"
#include "ops/attention.h"
#include "ops/linear.h"
#include "ops/reshape.h"

namespace ddim::engine {
namespace {

constexpr std::int64_t kChannels = 16;
constexpr std::int64_t kSide = 5;  // 25 tokens, more than channels
constexpr std::int64_t kImages = 2;

struct Layer {
  explicit Layer(DeviceKind kind, DType dtype = DType::f32)
      : device(make_device(kind)),
        parameters(device, dtype),
        attention(parameters, "layer", {.channels = kChannels}, UNetConfig{}) {
    std::uint32_t stream = 0;
    for (Parameter* p : parameters.all_mutable()) fill(p->value, 0.5, stream++);
    x = Tensor::persistent(device, {kImages, kSide, kSide, kChannels}, dtype);
    fill(x, 1.0, stream);
  }

  void fill(Tensor& tensor, double scale, std::uint32_t stream) const {
    std::vector<float> values(static_cast<std::size_t>(tensor.size()));
    fill_normal({.seed = 3, .purpose = Purpose::evaluation}, stream, values);
    for (float& value : values) value *= static_cast<float>(scale);
    device.kernels().upload(values, tensor);
    tensor.mark_modified();
  }
  const Parameter& parameter(const std::string& name) const {
    return **std::ranges::find(parameters.all(), "layer." + name, &Parameter::name);
  }
  std::vector<float> output() const {
    Tape tape;
    return to_host(attention(tape, tape.constant(x)).value());
  }
  /// x + to_out(softmax(q k^T / 4) v) as the formula says.
  Var plain(Tape& tape) const {
    const auto projected = [&](const Var& h, const std::string& name) {
      return linear(tape, h, tape.leaf(parameter(name + ".weight")),
                    tape.leaf(parameter(name + ".bias")));
    };
    const Var h = reshape(tape, tape.variable(x), {kImages, kSide * kSide, kChannels});
    const Var y = engine::attention(tape, projected(h, "to_q"), projected(h, "to_k"),
                                    projected(h, "to_v"), 1, 0.25);
    return add(tape, tape.variable(x), reshape(tape, projected(y, "to_out.0"), x.shape()));
  }

  Device device;
  ParameterList parameters;
  Attention attention;
  Tensor x;
};

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(double{a[i]} - b[i]));
  return most;
}

TEST(Attention, FoldedProjectionsComputeTheSame) {
  for (const DeviceKind kind : {DeviceKind::reference, DeviceKind::cpu}) {
    const Layer layer(kind);
    Tape tape;
    const std::vector<float> plain = to_host(layer.plain(tape).value());
    EXPECT_LT(largest_difference(layer.output(), plain), 2e-5);
    EXPECT_GT(largest_difference(to_host(layer.x), plain), 1.0);
  }
}

TEST(Attention, FoldedProjectionsHaveTheSameGradients) {
  const Layer layer(DeviceKind::reference, DType::f64);
  Tensor dy = Tensor::persistent(layer.device, layer.x.shape(), DType::f64);
  layer.fill(dy, 1.0, 100);
  Gradients folded(layer.device, layer.parameters.all());
  Gradients plain(layer.device, layer.parameters.all());
  {
    Tape tape(folded, {}, 0);
    tape.backward(layer.attention(tape, tape.constant(layer.x)), dy);
    folded.finish();
  }
  {
    Tape tape(plain, {}, 0);
    tape.backward(layer.plain(tape), dy);
    plain.finish();
  }
  for (const Parameter* p : layer.parameters.all()) {
    const auto a = std::as_const(folded[p->index]).values<double>();
    const auto b = std::as_const(plain[p->index]).values<double>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_NEAR(a[i], b[i], 1e-11) << p->name << " element " << i;
    }
  }
}

TEST(Attention, ARecordingTapeComputesTheSameBits) {
  const Layer layer(DeviceKind::cpu);
  Gradients gradients(layer.device, layer.parameters.all());
  Tape tape(gradients, {}, 0);
  EXPECT_EQ(to_host(layer.attention(tape, tape.constant(layer.x)).value()), layer.output());
}

TEST(Attention, FollowsItsParametersAndItsDevice) {
  Layer layer(DeviceKind::cpu);
  const std::vector<float> before = layer.output();
  for (Parameter* p : layer.parameters.all_mutable()) {
    const std::vector<float> values = to_host(p->value);
    layer.fill(p->value, 0.6, 50);
    if (p->name == "layer.to_k.bias") {  // adds the same to all scores of a query
      EXPECT_LT(largest_difference(layer.output(), before), 2e-5);
    } else {
      EXPECT_GT(largest_difference(layer.output(), before), 1e-3) << p->name;
    }
    layer.device.kernels().upload(values, p->value);
    p->value.mark_modified();
    EXPECT_EQ(layer.output(), before) << p->name;
  }

  const Device dry = make_dry_device();
  Tape tape;
  layer.attention(tape, tape.constant(Tensor(dry, layer.x.shape())));  // keeps nothing of it
  EXPECT_EQ(layer.output(), before);
}

}  // namespace
}  // namespace ddim::engine
