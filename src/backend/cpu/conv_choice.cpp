#include "backend/cpu/conv_choice.h"

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/direct_conv.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/pointwise_conv.h"
#include "backend/cpu/product_conv.h"
#include "backend/cpu/shifted_conv.h"
#include "backend/cpu/winograd.h"

namespace ddim::engine::cpu {
namespace {

// Why the choice depends on widths: tiles of 4x4 lose half a digit (relative error 3e-6 in place of
// 1e-6), and a trajectory of a few large steps multiplies that, so between narrow layers the
// convolution takes tiles of 2x2, which keep the accuracy of float32; gradients need not. Tiles of
// 2x4 in bf16 are twice as coarse as those of 2x2: with them in all layers, eps of the CIFAR-10
// network would be off by 1.3e-2 in place of 7e-3, so they are for wide layers, where products are
// most of the work. What is left in bf16 takes as long in fp32 with tiles of 4x4, and makes up for
// it.

constexpr ConvChoice kProductOfParts{"product_of_parts", "1x1 of two tensors side by side"};
constexpr ConvChoice kShiftedProducts{
    "shifted_products",
    "3x3 in bf16 with AMX, where products cost less than Winograd's transforms"};
constexpr ConvChoice kWinogradUpsample{"winograd_upsample",
                                       "3x3 after an upsampling: 9 products for 4 outputs"};
constexpr ConvChoice kWinogradOfSmall{
    "winograd_f2x2", "small images: the transformed weights of larger tiles cost more to read"};
constexpr ConvChoice kWinogradOfWide{
    "winograd_f2x4", "many input channels in bf16, where products are most of the work"};
constexpr ConvChoice kWinogradOfNarrow{"winograd_f2x2",
                                       "few channels, where larger tiles would cost accuracy"};
constexpr ConvChoice kWinograd{"winograd_f4x4", "3x3: 36 products for 16 outputs, in fp32"};
constexpr ConvChoice kPointwiseProduct{"pointwise_product", "1x1 in bf16: one matrix product"};
constexpr ConvChoice kGatheredProduct{"gathered_product",
                                      "windows as the rows of one matrix product"};
constexpr ConvChoice kScatteredProduct{
    "scattered_product", "so few output channels that the products of all taps fit a panel"};
constexpr ConvChoice kDirect{"onednn_direct", "no other algorithm applies"};

constexpr ConvImplementation<ConvForwardArguments> kForward[] = {
    {kProductOfParts, product_of_parts_applies, product_of_parts},
    {kShiftedProducts, shifted_products_apply, shifted_products},
    {kWinogradUpsample, winograd_upsample_applies, winograd_upsample},
    {kWinogradOfSmall, winograd_of_small_applies, winograd_f2x2},
    {kWinogradOfWide, winograd_of_wide_applies, winograd_f2x4},
    {kWinogradOfNarrow, winograd_of_narrow_applies, winograd_f2x2},
    {kWinograd, winograd_applies, winograd_f4x4},
    {kPointwiseProduct, pointwise_product_applies, pointwise_product},
    {kGatheredProduct, gathered_product_applies, gathered_product},
    {kScatteredProduct, scattered_product_applies, scattered_product},
    {kDirect, direct_conv_applies, direct_conv},
};

constexpr ConvImplementation<ConvBackwardInputArguments> kBackwardInput[] = {
    {kProductOfParts, product_of_parts_applies, product_of_parts},
    {kShiftedProducts, shifted_products_apply, shifted_products},
    {kWinogradUpsample, winograd_upsample_applies, winograd_upsample},
    {kWinogradOfSmall, winograd_of_small_applies, winograd_f2x2},
    {kWinogradOfWide, winograd_of_wide_applies, winograd_f2x4},
    {kWinogradOfNarrow, winograd_of_narrow_applies, winograd_f2x2},
    {kWinograd, winograd_applies, winograd_f4x4},
    {kPointwiseProduct, pointwise_product_applies, pointwise_product},
    {kDirect, direct_conv_applies, direct_conv},
};

// In fp32, but for AMX (Engine::multiplies_tiles()). Those of small images are left to direct sums,
// because Winograd's algorithm writes as many sums of few tiles.
constexpr ConvImplementation<ConvBackwardWeightArguments> kBackwardWeight[] = {
    {kProductOfParts, product_of_parts_applies, product_of_parts},
    {kShiftedProducts, shifted_products_apply, shifted_products},
    {kWinogradUpsample, winograd_upsample_applies, winograd_upsample},
    {kWinograd, winograd_of_large_applies, winograd_f4x4},
    {kGatheredProduct, gathered_weight_gradient_applies, gathered_weight_gradient},
    {kDirect, direct_conv_applies, direct_conv},
};

}  // namespace

std::span<const ConvImplementation<ConvForwardArguments>> conv_forward_implementations() {
  return kForward;
}
std::span<const ConvImplementation<ConvBackwardInputArguments>>
conv_backward_input_implementations() {
  return kBackwardInput;
}
std::span<const ConvImplementation<ConvBackwardWeightArguments>>
conv_backward_weight_implementations() {
  return kBackwardWeight;
}

ConvChoice CpuKernels::conv_choice(const ConvProblem& problem) const {
  switch (problem.pass) {
    case Pass::forward:
      return chosen(conv_forward_implementations(), problem, *engine_).choice;
    case Pass::backward_input:
      return chosen(conv_backward_input_implementations(), problem, *engine_).choice;
    case Pass::backward_weight:
      break;
  }
  return chosen(conv_backward_weight_implementations(), problem, *engine_).choice;
}

}  // namespace ddim::engine::cpu
