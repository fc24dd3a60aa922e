// What an op says about shapes that do not fit, and what it leaves out when nothing is recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "base/error.h"
#include "ops/add.h"
#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/downsample.h"
#include "ops/dropout.h"
#include "ops/gather_rows.h"
#include "ops/group_norm.h"
#include "ops/linear.h"
#include "ops/matmul.h"
#include "ops/reshape.h"
#include "ops/scale.h"
#include "ops/scale_shift.h"
#include "ops/upsample.h"

namespace ddim::engine {
namespace {

class OpErrors : public testing::Test {
 protected:
  Var var(const Shape& shape) { return tape.constant(Tensor(device, shape)); }

  /// What is thrown, which must be a user's error.
  template <class Body>
  std::string message(Body body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::user);
      return error.what();
    }
    return "nothing was thrown";
  }

  Device device = make_dry_device();
  Tape tape;
};

TEST_F(OpErrors, NameTheOpAndBothValues) {
  const ConvGeometry k3x3{};
  const Var x = var({2, 8, 8, 48});
  const Var weight = var({16, 48, 3, 3});
  EXPECT_EQ(message([&] {
              conv2d(tape, var({2, 8, 8}), weight, {}, k3x3);
            }),
            "conv2d: x must be [N,H,W,C_in], found [2,8,8]");
  EXPECT_EQ(message([&] {
              conv2d(tape, x, var({16, 48, 1, 1}), {}, k3x3);
            }),
            "conv2d: weight must be [C_out,C_in,3,3], found [16,48,1,1]");
  EXPECT_EQ(message([&] {
              conv2d(tape, x, var({16, 32, 3, 3}), {}, k3x3);
            }),
            "conv2d: weight [16,32,3,3] takes 32 channels, but x is [2,8,8,48]");
  EXPECT_EQ(message([&] { conv2d(tape, x, weight, {.bias = var({15})}, k3x3); }),
            "conv2d: bias must be [16], found [15]");
  EXPECT_EQ(message([&] { conv2d(tape, x, weight, {.per_image_bias = var({16})}, k3x3); }),
            "conv2d: per_image_bias must be [2,16], found [16]");
  EXPECT_EQ(message([&] { conv2d(tape, x, weight, {.residual = x}, k3x3); }),
            "conv2d: residual must be [2,8,8,16], found [2,8,8,48]");
  EXPECT_EQ(message([&] {
              conv2d(tape, var({2, 1, 8, 48}), weight, {}, {.pad_begin = 0, .pad_end = 1});
            }),
            "conv2d: x [2,1,8,48] with 1 pixels of padding is smaller than the window of 3");
  EXPECT_EQ(message([&] { conv2d(tape, x, weight, {}, {.pad_begin = 3}); }),
            "conv2d: padding (3, 1) must be less than the kernel (3)");
  EXPECT_EQ(message([&] { conv2d(tape, x, weight, {}, {.pad_end = 3}); }),
            "conv2d: padding (1, 3) must be less than the kernel (3)");
  EXPECT_EQ(message([&] { conv2d(tape, x, weight, {}, {.upsample = 3}); }),
            "conv2d: upsample must be 1 or 2, found 3");
  const Var narrow = var({2, 8, 7, 48});
  EXPECT_EQ(message([&] {
              conv2d(tape, {x, narrow}, weight, {}, k3x3);
            }),
            "conv2d: the parts of x must agree in N, H and W, found [2,8,8,48] and [2,8,7,48]");
  const char* const kTwoParts =
      "conv2d: x in two parts needs a window of 1x1 without stride, padding and per_image_bias";
  EXPECT_EQ(message([&] { conv2d(tape, {x, x}, var({16, 96, 3, 3}), {}, k3x3); }), kTwoParts);
  EXPECT_EQ(message([&] {
              conv2d(tape, {x, x}, var({16, 96, 1, 1}), {.per_image_bias = var({2, 16})},
                     {.kernel = 1, .pad_begin = 0, .pad_end = 0});
            }),
            kTwoParts);
  EXPECT_EQ(message([&] {
              linear(tape, x, var({4, 3, 3}), {});
            }),
            "linear: weight must be [C_out,K], found [4,3,3]");
  EXPECT_EQ(message([&] {
              linear(tape, x, var({4, 3}), {});
            }),
            "linear: weight [4,3] needs x with a last axis of 3, found [2,8,8,48]");
  EXPECT_EQ(message([&] {
              linear(tape, x, var({4, 48}), var({5}));
            }),
            "linear: bias must be [4], found [5]");
  EXPECT_EQ(message([&] {
              matmul(tape, device, {var({4, 3})}, {x});
            }),
            "matmul: factors must be matrices, found [4,3] and [2,8,8,48]");
  EXPECT_EQ(message([&] {
              matmul(tape, device, transposed(var({4, 3})), {var({3, 5})});
            }),
            "matmul: [4,3] transposed and [3,5] do not fit: 4 columns, 3 rows");
  EXPECT_EQ(message([&] { group_norm(tape, x, var({48}), var({48}), {.num_groups = 32}); }),
            "group_norm: channels (48) must be a multiple of groups (32)");
  EXPECT_EQ(message([&] { group_norm(tape, var({48}), var({48}), var({48}), {}); }),
            "group_norm: x must be [N,H,W,C], found [48]");
  EXPECT_EQ(message([&] { group_norm(tape, x, var({4}), var({48}), {.num_groups = 16}); }),
            "group_norm: gamma must be [48], found [4]");
  EXPECT_EQ(message([&] { group_norm(tape, x, var({48}), var({4}), {.num_groups = 16}); }),
            "group_norm: beta must be [48], found [4]");
  EXPECT_EQ(message([&] {
              group_norm(tape, {x, narrow}, var({96}), var({96}), {});
            }),
            "group_norm: the parts of x must agree in N, H and W, found [2,8,8,48] and [2,8,7,48]");
  const Var tokens = var({2, 64, 48});
  EXPECT_EQ(message([&] { attention(tape, x, x, x, 1, 1.0); }),
            "attention: q must be [N,L,C], found [2,8,8,48]");
  EXPECT_EQ(message([&] {
              attention(tape, tokens, tokens, var({2, 63, 48}), 1, 1.0);
            }),
            "attention: q [2,64,48], k [2,64,48] and v [2,63,48] must have the same shape");
  EXPECT_EQ(message([&] { attention(tape, tokens, tokens, tokens, 5, 1.0); }),
            "attention: channels (48) must be a multiple of heads (5)");
  EXPECT_EQ(message([&] { upsample_nearest_2x(tape, tokens); }),
            "upsample_nearest_2x: x must be [N,H,W,C], found [2,64,48]");
  EXPECT_EQ(message([&] {
              downsample_mean_2x(tape, var({2, 3, 4, 8}));
            }),
            "downsample_mean_2x: x must be [N,H,W,C] with H and W even, found [2,3,4,8]");
  EXPECT_EQ(message([&] { scale_shift(tape, tokens, x, Activation::none); }),
            "scale_shift: x must be [N,H,W,C], found [2,64,48]");
  EXPECT_EQ(message([&] {
              scale_shift(tape, x, var({2, 48}), Activation::none);
            }),
            "scale_shift: modulation must be [2,96], found [2,48]");
  EXPECT_EQ(message([&] { scale_per_image(tape, tokens, {1.0}); }),
            "scale_per_image: 1 factors for the images of x [2,64,48]");
  EXPECT_EQ(message([&] { gather_rows(tape, device, tokens, {0}); }),
            "gather_rows: table must be [K,C], found [2,64,48]");
  EXPECT_EQ(message([&] {
              gather_rows(tape, device, var({4, 3}), {0, 4});
            }),
            "gather_rows: row 4 of a table of 4");
  EXPECT_EQ(message([&] { add(tape, x, tokens); }),
            "add: shapes must be equal, found [2,8,8,48] and [2,64,48]");
  EXPECT_EQ(message([&] {
              reshape(tape, tokens, {2, 64, 47});
            }),
            "reshape: [2,64,48] has 6144 elements, but [2,64,47] has 6016");
  EXPECT_EQ(message([&] { dropout(tape, x, 0, 1.0); }),
            "dropout: probability must be at least 0 and below 1, found 1");
  EXPECT_EQ(message([&] { dropout(tape, x, 1U << 24, 0.5); }),
            "dropout: layer must be below 2^24, found 16777216");
}

TEST_F(OpErrors, DropoutIsTheIdentityWithoutRecordingOrProbability) {
  const Var x = var({2, 3});
  EXPECT_EQ(dropout(tape, x, 1, 0.5).value().storage_id(), x.value().storage_id());
  Gradients no_parameters(device, {});
  Tape recording(no_parameters, {.purpose = Purpose::dropout}, 0);
  EXPECT_EQ(dropout(recording, x, 1, 0.0).value().storage_id(), x.value().storage_id());
  EXPECT_NE(dropout(recording, x, 1, 0.5).value().storage_id(), x.value().storage_id());
}

// The mask belongs to the tape's seed and step, to the layer and to the image: nothing else may
// choose it, or a resumed or differently split step would drop other elements.
TEST(Dropout, DrawsFromTheTapesNoiseInTheLanesOfItsLayer) {
  const Device ref = make_device(DeviceKind::reference);
  const Tensor x = from_host(ref, {2, 50}, std::vector<float>(100, 1.0F));
  Gradients no_parameters(ref, {});
  const NoiseKey noise{.seed = 8, .purpose = Purpose::dropout, .step = 6};
  Tape tape(no_parameters, noise, 30);
  const Var y = dropout(tape, tape.constant(x), 9, 0.5);

  NoiseKey of_layer = noise;
  of_layer.lane = 9;
  Tensor expected = empty_like(x);
  ref.kernels().dropout(x, {.noise = of_layer, .first_image = 30, .probability = 0.5}, {expected});
  EXPECT_EQ(to_host(y.value()), to_host(expected));
}

TEST_F(OpErrors, ReshapeSharesItsElements) {
  const Var x = var({2, 3});
  const Var y = reshape(tape, x, {3, 2});
  EXPECT_EQ(y.value().shape(), (Shape{3, 2}));
  EXPECT_EQ(y.value().storage_id(), x.value().storage_id());
}

}  // namespace
}  // namespace ddim::engine
