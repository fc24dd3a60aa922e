#include "tensor/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "ops/activate.h"
#include "ops/add.h"

namespace ddim::engine {
namespace {

using testing::Each;
using testing::ElementsAre;

/// y = factor * x, whose gradient counts how often it ran.
Var scale(Tape& tape, const Var& x, float factor, int* num_backward_runs = nullptr) {
  const auto times = [factor](const Tensor& in, Tensor& out, bool add_to) {
    for (std::size_t i = 0; i < in.values<float>().size(); ++i)
      out.values<float>()[i] =
          (add_to ? out.values<float>()[i] : 0.0F) + factor * in.values<float>()[i];
  };
  Tensor y = empty_like(x.value());
  times(x.value(), y, false);
  return tape.record(y, [=](const Tensor& dy) {
    if (num_backward_runs != nullptr) ++*num_backward_runs;
    Grad dx = x.grad();
    if (dx) times(dy, dx.tensor, dx.write == Write::accumulate);
  });
}

class Tapes : public testing::Test {
 protected:
  Tensor tensor(const std::vector<float>& values) {
    return from_host(device, {static_cast<std::int64_t>(values.size())}, values);
  }
  /// The gradient that arrived.
  std::vector<float> gradient(const Var& x) { return to_host(x.grad().tensor); }

  Device device = make_device(DeviceKind::reference);
  Parameter p{.name = "p", .value = tensor({1, 2}), .index = 0};
  Parameter q{.name = "q", .value = tensor({3}), .index = 1};
  Gradients gradients{device, {&p, &q}};
  Tape tape{gradients, {}, 0};
};

TEST_F(Tapes, ADiamondAddsBothPaths) {
  const Var x = tape.variable(tensor({1, 2}));
  const Var y = scale(tape, x, 2.0F);
  const Var left = scale(tape, y, 3.0F);
  const Var right = scale(tape, y, 5.0F);
  const Var z = add(tape, left, right);
  EXPECT_THAT(to_host(z.value()), ElementsAre(16, 32));
  tape.backward(z, tensor({1, 10}));
  EXPECT_THAT(gradient(x), ElementsAre(16, 160));
}

TEST_F(Tapes, EachClosureRunsOnceAndUnusedBranchesNever) {
  int used = 0;
  int unused = 0;
  const Var x = tape.variable(tensor({1}));
  const Var y = scale(tape, x, 2.0F, &used);
  scale(tape, scale(tape, y, 7.0F, &unused), 7.0F, &unused);
  const Var z = add(tape, y, y);
  tape.backward(z, tensor({1}));
  EXPECT_EQ(used, 1);
  EXPECT_EQ(unused, 0);
  EXPECT_THAT(gradient(x), ElementsAre(4));
}

TEST_F(Tapes, AParameterUsedTwiceAccumulatesAndClearForgets) {
  for (int step = 0; step < 2; ++step) {
    gradients.clear();
    // Two leaves of one parameter share its slot.
    const Var sum = add(tape, scale(tape, tape.leaf(p), 2.0F), scale(tape, tape.leaf(p), 5.0F));
    tape.backward(sum, tensor({1, 10}));
    EXPECT_THAT(to_host(gradients[0]), ElementsAre(7, 70));
  }
  // Without clear() the next backward pass is added.
  tape.backward(scale(tape, tape.leaf(p), 1.0F), tensor({1, 1}));
  EXPECT_THAT(to_host(gradients[0]), ElementsAre(8, 71));
}

TEST_F(Tapes, FinishZeroesWhatGotNoGradient) {
  device.kernels().fill(9.0, gradients[0]);
  device.kernels().fill(9.0, gradients[1]);
  gradients.clear();
  tape.backward(scale(tape, tape.leaf(q), 4.0F), tensor({1}));
  gradients.finish();
  EXPECT_THAT(to_host(gradients[0]), Each(0.0F));
  EXPECT_THAT(to_host(gradients[1]), ElementsAre(4));
}

TEST_F(Tapes, ConstantsGetNoGradient) {
  const Var x = tape.constant(tensor({1, 2}));
  EXPECT_FALSE(x.needs_grad());
  EXPECT_FALSE(x.grad());
  const Var w = tape.variable(tensor({3, 4}));
  tape.backward(add(tape, x, w), tensor({1, 1}));
  EXPECT_FALSE(x.grad());
  EXPECT_THAT(gradient(w), ElementsAre(1, 1));
}

/// y = x, whose gradient is passed on, and where it lay.
Var same(Tape& tape, const Var& x, std::vector<std::uint64_t>& storage_of_dy) {
  return tape.record(from_host(x.value().device(), x.value().shape(), to_host(x.value())),
                     [x, &storage_of_dy](const Tensor& dy) {
                       storage_of_dy.push_back(dy.storage_id());
                       x.pass_grad(dy);
                     });
}

TEST_F(Tapes, TheFirstGradientIsPassedOnAsItIsAndOthersAreAdded) {
  std::vector<std::uint64_t> storage;
  const Var x = tape.variable(tensor({1, 2}));
  const Var first = same(tape, same(tape, x, storage), storage);
  const Var second = same(tape, x, storage);
  const Tensor dy = tensor({1, 10});
  tape.backward(add(tape, scale(tape, first, 3.0F), scale(tape, second, 5.0F)), dy);
  EXPECT_THAT(gradient(x), ElementsAre(8, 80));
  ASSERT_EQ(storage.size(), 3);
  EXPECT_EQ(x.grad().tensor.storage_id(), storage[0]);
  EXPECT_EQ(storage[1], storage[2]);
  EXPECT_NE(storage[0], storage[1]);
  EXPECT_THAT(to_host(dy), ElementsAre(1, 10));  // the caller's
}

TEST_F(Tapes, AGradientThatIsPassedOnTwiceIsAdded) {
  const Var x = tape.variable(tensor({1, 2}));
  const Var y = scale(tape, x, 2.0F);
  const Tensor dy = tensor({1, 10});
  tape.backward(add(tape, y, y), dy);
  EXPECT_THAT(gradient(x), ElementsAre(4, 40));
  tape.backward(add(tape, tape.leaf(p), x), dy);
  EXPECT_THAT(to_host(gradients[0]), ElementsAre(1, 10));
  EXPECT_THAT(gradient(x), ElementsAre(5, 50));
  EXPECT_THAT(to_host(dy), ElementsAre(1, 10));
}

// A constant, and what an op was called without (a convolution without a residual).
TEST_F(Tapes, AGradientThatNobodyWantsIsNotPassedOn) {
  const Var constant = tape.constant(tensor({1, 2})), nothing;
  constant.pass_grad(tensor({1, 10}));
  nothing.pass_grad(tensor({1, 10}));
  EXPECT_FALSE(constant.grad());
  EXPECT_FALSE(nothing.grad());
}

TEST_F(Tapes, BackwardReturnsAllMemory) {
  Tensor dy = tensor({1});
  Tensor x(device, {16});
  device.kernels().fill(1.0, x);
  dy = from_host(device, {16}, std::vector<float>(16, 1.0F));
  const std::size_t before = device.arena().bytes_in_use();
  {
    Var h = tape.variable(x);
    for (int i = 0; i < 10; ++i) h = activate(tape, h, Activation::silu);
    EXPECT_EQ(device.arena().bytes_in_use(), before + 10 * 64);
    tape.backward(h, dy);
  }
  EXPECT_EQ(device.arena().bytes_in_use(), before);
}

TEST_F(Tapes, BackwardReturnsActivationsAsItGoes) {
  Tensor x(device, {1024});
  device.kernels().fill(1.0, x);
  const Tensor dy = from_host(device, {1024}, std::vector<float>(1024, 1.0F));
  Var h = tape.variable(x);
  for (int i = 0; i < 50; ++i) h = activate(tape, h, Activation::silu);
  const std::size_t forward = device.arena().bytes_in_use();
  const Var output = std::exchange(h, Var());
  device.arena().reset_peak();
  tape.backward(output, dy);
  // Two gradients at a time, not fifty.
  EXPECT_LE(device.arena().peak_bytes(), forward + 2 * x.num_bytes());
}

TEST_F(Tapes, InferenceRecordsNothing) {
  Tape inference;
  EXPECT_FALSE(inference.recording());
  int num_backward_runs = 0;
  Tensor x(device, {16});
  device.kernels().fill(1.0, x);
  EXPECT_FALSE(inference.leaf(p).needs_grad());
  EXPECT_FALSE(inference.variable(x).needs_grad());
  Var h = inference.variable(x);
  for (int i = 0; i < 10; ++i) h = scale(inference, h, 0.5F, &num_backward_runs);
  EXPECT_FALSE(h.needs_grad());
  // x and the last h: nothing in between was kept.
  EXPECT_EQ(device.arena().bytes_in_use(), 2U * 64);
  EXPECT_EQ(num_backward_runs, 0);
}

TEST_F(Tapes, AnObserverSeesLayersByName) {
  std::vector<std::string> seen;
  tape.set_observer([&](std::string_view layer, const Tensor& value) {
    seen.push_back(std::string(layer) + " " + to_string(value.shape()));
  });
  tape.observe("conv_in", tape.constant(tensor({1, 2, 3})));
  EXPECT_THAT(seen, ElementsAre("conv_in [3]"));
}

}  // namespace
}  // namespace ddim::engine
