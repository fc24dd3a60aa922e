// Which implementation is taken for which convolution. The choice decides the bits of every
// picture: a row that changes here is a new picture, and belongs into CHANGELOG.md.
#include "backend/cpu/conv_choice.h"

#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string_view>

#include "backend/cpu/isa.h"
#include "backend/make_device.h"

namespace ddim::engine::cpu {
namespace {

constexpr ConvGeometry kSame{};
constexpr ConvGeometry kUpsampling{.upsample = 2};
constexpr ConvGeometry kDown{.stride = 2, .pad_begin = 0};
constexpr ConvGeometry kPointwise{.kernel = 1, .pad_begin = 0, .pad_end = 0};
constexpr ConvGeometry kStridedPointwise{.kernel = 1, .stride = 2, .pad_begin = 0, .pad_end = 0};
constexpr ConvGeometry kOnePadding{.kernel = 3, .pad_begin = 0, .pad_end = 1};

struct Size {
  std::int64_t height, width;
};

struct Row {
  Pass pass;
  ConvGeometry geometry;
  Size size;
  std::int64_t c_in, c_out;
  std::string_view fp32, bf16;
  std::string_view amx = bf16;  ///< in bf16 on processors with it
};

void PrintTo(const Row& row, std::ostream* out) {
  constexpr std::string_view kPasses[] = {"forward", "backward_input", "backward_weight"};
  const ConvGeometry& g = row.geometry;
  *out << kPasses[static_cast<int>(row.pass)] << ' ' << g.kernel << 'x' << g.kernel << " stride "
       << g.stride << " upsample " << g.upsample << ", " << row.c_in << "->" << row.c_out << " @"
       << row.size.height << 'x' << row.size.width;
}

constexpr std::string_view kShifted = "shifted_products";

constexpr Row kRows[] = {
    // Between narrow layers tiles of 2x2, but not in gradients of fp32.
    {Pass::forward, kSame, {8, 8}, 32, 64, "winograd_f2x2", "winograd_f2x2", kShifted},
    {Pass::forward, kSame, {8, 8}, 128, 96, "winograd_f2x2", "winograd_f2x2", kShifted},
    {Pass::forward, kSame, {8, 8}, 96, 128, "winograd_f2x2", "winograd_f2x2", kShifted},
    {Pass::backward_input, kSame, {8, 8}, 96, 128, "winograd_f4x4", "winograd_f2x2", kShifted},
    {Pass::forward, kSame, {8, 8}, 128, 128, "winograd_f4x4", "winograd_f4x4", kShifted},
    {Pass::backward_input, kSame, {8, 8}, 128, 128, "winograd_f4x4", "winograd_f4x4", kShifted},
    // Many channels read, of x or of dy.
    {Pass::forward, kSame, {8, 8}, 256, 128, "winograd_f4x4", "winograd_f2x4", kShifted},
    {Pass::forward, kSame, {8, 8}, 256, 64, "winograd_f2x2", "winograd_f2x4", kShifted},
    {Pass::forward, kSame, {8, 8}, 128, 256, "winograd_f4x4", "winograd_f4x4", kShifted},
    {Pass::backward_input, kSame, {8, 8}, 128, 256, "winograd_f4x4", "winograd_f2x4", kShifted},
    {Pass::backward_input, kSame, {8, 8}, 256, 128, "winograd_f4x4", "winograd_f4x4", kShifted},
    // Small images, and too small ones.
    {Pass::forward, kSame, {8, 7}, 256, 256, "winograd_f2x2", "winograd_f2x2", kShifted},
    {Pass::backward_input, kSame, {8, 7}, 256, 256, "winograd_f2x2", "winograd_f2x2", kShifted},
    {Pass::forward, kSame, {4, 4}, 256, 256, "winograd_f2x2", "winograd_f2x2", kShifted},
    {Pass::forward, kSame, {3, 5}, 256, 256, "onednn_direct", "onednn_direct", kShifted},
    {Pass::backward_input, kSame, {3, 5}, 256, 256, "onednn_direct", "onednn_direct", kShifted},
    // Channels that are no whole blocks.
    {Pass::forward, kSame, {16, 16}, 33, 64, "onednn_direct", "onednn_direct"},
    {Pass::forward, kSame, {16, 16}, 64, 31, "onednn_direct", "onednn_direct", kShifted},
    {Pass::backward_input, kSame, {16, 16}, 3, 128, "onednn_direct", "onednn_direct"},
    // The first and the last layer.
    {Pass::forward, kSame, {16, 16}, 3, 128, "onednn_direct", "onednn_direct"},
    {Pass::forward, kSame, {16, 16}, 128, 3, "scattered_product", "scattered_product"},
    {Pass::forward, kSame, {16, 16}, 128, 4, "onednn_direct", "onednn_direct"},
    {Pass::forward, kSame, {16, 16}, 31, 3, "onednn_direct", "onednn_direct"},
    {Pass::forward, kSame, {1, 1}, 32, 1, "scattered_product", "scattered_product"},
    // After an upsampling, of any size.
    {Pass::forward,
     kUpsampling,
     {2, 2},
     256,
     256,
     "winograd_upsample",
     "winograd_upsample",
     kShifted},
    {Pass::forward,
     kUpsampling,
     {16, 16},
     64,
     96,
     "winograd_upsample",
     "winograd_upsample",
     kShifted},
    {Pass::forward, kUpsampling, {16, 16}, 33, 64, "onednn_direct", "onednn_direct"},
    {Pass::backward_input,
     kUpsampling,
     {2, 2},
     256,
     256,
     "winograd_upsample",
     "winograd_upsample",
     kShifted},
    {Pass::backward_input, kUpsampling, {4, 4}, 16, 32, "onednn_direct", "onednn_direct", kShifted},
    // Windows of other forms.
    {Pass::forward, kDown, {16, 16}, 128, 128, "onednn_direct", "gathered_product"},
    {Pass::forward, kDown, {16, 16}, 3, 128, "onednn_direct", "onednn_direct"},
    {Pass::backward_input, kDown, {16, 16}, 128, 128, "onednn_direct", "onednn_direct"},
    {Pass::forward, kStridedPointwise, {16, 16}, 64, 64, "onednn_direct", "gathered_product"},
    {Pass::forward, kOnePadding, {16, 16}, 64, 64, "onednn_direct", "onednn_direct"},
    {Pass::forward, kPointwise, {16, 16}, 64, 96, "onednn_direct", "pointwise_product"},
    {Pass::backward_input, kPointwise, {16, 16}, 64, 96, "onednn_direct", "pointwise_product"},
    // Gradients of weights are of fp32, but for AMX.
    {Pass::backward_weight, kSame, {8, 8}, 32, 256, "winograd_f4x4", "winograd_f4x4", kShifted},
    {Pass::backward_weight,
     kSame,
     {8, 7},
     256,
     256,
     "gathered_product",
     "gathered_product",
     kShifted},
    {Pass::backward_weight, kSame, {16, 16}, 3, 128, "onednn_direct", "onednn_direct"},
    {Pass::backward_weight, kSame, {16, 16}, 128, 15, "onednn_direct", "onednn_direct"},
    {Pass::backward_weight, kSame, {16, 16}, 16, 16, "gathered_product", "gathered_product"},
    {Pass::backward_weight,
     kUpsampling,
     {2, 2},
     64,
     64,
     "winograd_upsample",
     "winograd_upsample",
     kShifted},
    {Pass::backward_weight, kUpsampling, {8, 8}, 48, 64, "onednn_direct", "onednn_direct"},
    {Pass::backward_weight, kDown, {16, 16}, 128, 128, "gathered_product", "gathered_product"},
    {Pass::backward_weight, kPointwise, {16, 16}, 64, 96, "onednn_direct", "onednn_direct"},
};

ConvProblem problem_of(const Row& row) {
  return {.pass = row.pass,
          .geometry = row.geometry,
          .height = row.size.height,
          .width = row.size.width,
          .c_in = row.c_in,
          .c_out = row.c_out};
}

Device device_of(Precision precision) {
  return make_device(DeviceKind::cpu, {.precision = precision});
}

class ConvChoiceOf : public testing::TestWithParam<Row> {};

TEST_P(ConvChoiceOf, IsPinned) {
  const Row& row = GetParam();
  const ConvProblem problem = problem_of(row);
  EXPECT_EQ(device_of(Precision::fp32).kernels().conv_choice(problem).algorithm, row.fp32);
  EXPECT_EQ(device_of(Precision::bf16).kernels().conv_choice(problem).algorithm,
            active_isa() == Isa::amx_bf16 ? row.amx : row.bf16);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvChoiceOf, testing::ValuesIn(kRows));

TEST(ConvChoices, DependOnWhatIsAdded) {
  const Device bf16 = device_of(Precision::bf16);
  const auto choice = [&](const ConvGeometry& geometry, std::int64_t c_out, auto change) {
    ConvProblem problem{
        .geometry = geometry, .height = 16, .width = 16, .c_in = 64, .c_out = c_out};
    change(problem);
    return bf16.kernels().conv_choice(problem).algorithm;
  };
  const auto per_image = [](ConvProblem& p) { p.adds_per_image_bias = true; };
  const auto residual = [](ConvProblem& p) { p.adds_residual = true; };
  EXPECT_EQ(choice(kSame, 64, per_image),
            active_isa() == Isa::amx_bf16 ? kShifted : "winograd_f2x2");
  EXPECT_EQ(choice(kPointwise, 64, per_image), "onednn_direct");
  EXPECT_EQ(choice(kPointwise, 64, residual), "pointwise_product");
  EXPECT_EQ(choice(kDown, 64, per_image), "onednn_direct");
  EXPECT_EQ(choice(kDown, 64, residual), "gathered_product");
  EXPECT_EQ(choice(kSame, 3, per_image), "onednn_direct");
  EXPECT_EQ(choice(kSame, 3, residual), "onednn_direct");
}

TEST(ConvChoices, TwoPartsAreNeverJoined) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    for (const Pass pass : {Pass::forward, Pass::backward_input, Pass::backward_weight}) {
      const ConvProblem problem{.pass = pass,
                                .geometry = kPointwise,
                                .height = 8,
                                .width = 8,
                                .c_in = 64,
                                .c_out = 64,
                                .is_in_parts = true};
      EXPECT_EQ(device_of(precision).kernels().conv_choice(problem).algorithm, "product_of_parts");
    }
  }
}

TEST(ConvChoices, AreTakenFromTheArgumentsOfTheKernels) {
  const Device device = device_of(Precision::fp32);
  const auto images = [&](std::int64_t channels) { return Tensor(device, {2, 4, 6, channels}); };
  const Tensor weight(device, {64, 32, 1, 1});
  const ConvProblem forward =
      conv_problem({images(20), images(12)}, {.residual = images(64)}, kPointwise, images(64));
  EXPECT_EQ(forward.pass, Pass::forward);
  EXPECT_TRUE(forward.is_in_parts && forward.adds_residual && !forward.adds_per_image_bias);
  const auto input_gradient = [&](const ChannelGrads& dx) {
    return conv_backward_input_problem(images(64), weight, kPointwise, dx);
  };
  const ConvProblem of_weight = conv_backward_weight_problem(images(32), images(64), kPointwise);
  for (const ConvProblem& problem : {forward, input_gradient(Grad{images(32)}),
                                     input_gradient({Grad{}, Grad{images(12)}}), of_weight}) {
    EXPECT_EQ(problem.height, 4);
    EXPECT_EQ(problem.width, 6);
    EXPECT_EQ(problem.c_in, 32);
    EXPECT_EQ(problem.c_out, 64);
  }
  EXPECT_FALSE(input_gradient(Grad{images(32)}).is_in_parts);
  EXPECT_TRUE(input_gradient({Grad{images(20)}, Grad{}}).is_in_parts);
  EXPECT_TRUE(input_gradient({Grad{}, Grad{images(12)}}).is_in_parts);
  EXPECT_EQ(of_weight.pass, Pass::backward_weight);
}

/// Each row of the lists is reached by some convolution above, and says what it is for.
template <class Arguments>
void expect_all_pinned(std::span<const ConvImplementation<Arguments>> implementations, Pass pass) {
  std::set<std::string_view> pinned{"product_of_parts"};
  for (const Row& row : kRows) {
    if (row.pass == pass) pinned.insert({row.fp32, row.bf16, row.amx});
  }
  for (const auto& implementation : implementations) {
    EXPECT_TRUE(pinned.contains(implementation.choice.algorithm))
        << implementation.choice.algorithm;
    EXPECT_FALSE(implementation.choice.reason.empty()) << implementation.choice.algorithm;
  }
}

TEST(ConvChoices, AreAllPinned) {
  expect_all_pinned(conv_forward_implementations(), Pass::forward);
  expect_all_pinned(conv_backward_input_implementations(), Pass::backward_input);
  expect_all_pinned(conv_backward_weight_implementations(), Pass::backward_weight);
}

}  // namespace
}  // namespace ddim::engine::cpu
