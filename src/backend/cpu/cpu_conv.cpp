#include <algorithm>

#include "backend/cpu/conv_shape.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/elementwise_simd.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/linear_product.h"
#include "backend/cpu/pointwise_conv.h"
#include "backend/cpu/product_conv.h"
#include "backend/cpu/resample.h"
#include "backend/cpu/single_threaded_onednn.h"
#include "backend/cpu/winograd.h"
#include "base/thread_team.h"

namespace ddim::cpu {
namespace {

/// bias[c] + per_image_bias[n,c], for all images. bias may be undefined.
void combine_biases(const Tensor& bias, const Tensor& per_image_bias, float* sums) {
  const std::int64_t channels = per_image_bias.dim(1);
  const float* b = bias.defined() ? bias.data<float>() : nullptr;
  const float* p = per_image_bias.data<float>();
  for (std::int64_t i = 0; i < per_image_bias.size(); ++i) {
    sums[i] = b == nullptr ? p[i] : b[i % channels] + p[i];
  }
}

}  // namespace

void CpuKernels::conv2d(const ChannelParts& parts, const Tensor& weight, const ConvAddends& addends,
                        const ConvGeometry& geometry, Tensor& y) {
  if (parts.second.defined()) return pointwise_conv2d(*engine_, parts, weight, addends, y);
  const Tensor& x = parts.first;
  if (winograd_applies(geometry, x.dim(1), x.dim(2), x.dim(3), y.dim(3))) {
    return winograd_conv2d(*engine_, x, weight, addends, geometry, y);
  }
  const float* plain_bias = addends.bias.defined() ? addends.bias.data<float>() : nullptr;
  if (geometry.is_pointwise() && engine_->precision() == Precision::bf16 &&
      !addends.per_image_bias.defined()) {
    return linear_product(
        *engine_,
        {.x = x.data<float>(),
         .num_rows = x.size() / x.dim(3),
         .weight = weight,
         .bias = plain_bias,
         .residual = addends.residual.defined() ? addends.residual.data<float>() : nullptr,
         .y = y.data<float>()});
  }
  if (gathered_conv_applies(engine_->precision(), geometry, x.dim(3), addends)) {
    return gathered_conv2d(*engine_, x, weight, addends, geometry, y);
  }
  if (scattered_conv_applies(geometry, x.dim(3), y.dim(3), addends)) {
    return scattered_conv2d(*engine_, x, weight, addends, geometry, y);
  }
  const SingleThreadedOneDnn single_threaded;
  const float* const images = upsampled_images(*engine_, x, geometry);
  const ConvShape image =
      conv_shape(/*images=*/1, upsampled(x.shape(), geometry.upsample), y.shape(), geometry);
  const bool has_bias = addends.bias.defined() || addends.per_image_bias.defined();
  const bool has_residual = addends.residual.defined();
  // oneDNN's SSE4 kernels crash when they add to sums that are not aligned to 16 bytes.
  const bool apart = has_residual && active_isa() == Isa::sse4;
  ConvForward& conv = engine_->conv_forward(
      {.image = image,
       .bias = has_bias ? Bias::present : Bias::absent,
       .destination = has_residual && !apart ? Destination::added_to : Destination::overwritten});
  for (ConvForward::Band& band : conv.bands) {
    band.packed_weight = packed_conv_weight(*engine_, weight, image, band.weight_format);
  }

  const std::int64_t num_images = x.dim(0);
  const std::size_t sums_bytes =
      addends.per_image_bias.defined() ? aligned(addends.per_image_bias.num_bytes()) : 0;
  const std::size_t scratchpad_bytes = aligned(conv.scratchpad_bytes);
  const std::size_t apart_bytes =
      apart ? aligned(y.num_bytes() / static_cast<std::size_t>(num_images)) : 0;
  const std::size_t thread_bytes = scratchpad_bytes + apart_bytes;
  std::byte* const workspace =
      engine_->workspace().get(sums_bytes + thread_bytes * static_cast<std::size_t>(team().size()));
  const float* bias = plain_bias;
  std::int64_t bias_stride = 0;
  if (addends.per_image_bias.defined()) {
    float* const sums = reinterpret_cast<float*>(workspace);
    combine_biases(addends.bias, addends.per_image_bias, sums);
    bias = sums;
    bias_stride = image.out_channels;
  }

  const std::int64_t in_row = image.in_cols * image.in_channels;
  const std::int64_t out_row = image.out_cols * image.out_channels;
  const auto num_bands = static_cast<std::int64_t>(conv.bands.size());
  team().for_each(num_images * num_bands, [&](int thread, std::int64_t item) {
    ConvForward::Band& band = conv.bands[static_cast<std::size_t>(item % num_bands)];
    const std::int64_t n = item / num_bands;
    const float* in = images + (n * image.in_rows + band.place.first_in_row) * in_row;
    const std::int64_t first_out = (n * image.out_rows + band.place.first_out_row) * out_row;
    const std::int64_t out_size = band.place.shape.out_rows * out_row;
    float* const out = y.data<float>() + first_out;
    const float* residual = has_residual ? addends.residual.data<float>() + first_out : nullptr;
    std::byte* const scratchpad =
        workspace + sums_bytes + thread_bytes * static_cast<std::size_t>(thread);
    float* const sums = apart ? reinterpret_cast<float*>(scratchpad + scratchpad_bytes) : out;
    if (has_residual && !apart && residual != out) std::copy_n(residual, out_size, out);
    band.primitive.set(thread, DNNL_ARG_WEIGHTS, *band.packed_weight);
    band.primitive.run(thread, engine_->stream(thread),
                       {{DNNL_ARG_SRC, in},
                        {DNNL_ARG_BIAS, bias == nullptr ? nullptr : bias + n * bias_stride},
                        {DNNL_ARG_DST, sums}},
                       scratchpad);
    if (apart) simd::add(residual, sums, out, out_size);
  });
}

}  // namespace ddim::cpu
