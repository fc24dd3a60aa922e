#include "backend/cpu/direct_conv.h"

#include <algorithm>

#include "backend/cpu/conv_shape.h"
#include "backend/cpu/elementwise_simd.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/resample.h"
#include "backend/cpu/single_threaded_onednn.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {
namespace {

/// bias[c] + per_image_bias[n,c], for all images. bias may be undefined.
void combine_biases(const Tensor& bias, const Tensor& per_image_bias, float* sums) {
  const std::int64_t channels = per_image_bias.dim(1);
  const float* b = bias.data_or_null<float>();
  const float* p = per_image_bias.data<float>();
  for (std::int64_t i = 0; i < per_image_bias.size(); ++i) {
    sums[i] = b == nullptr ? p[i] : b[i % channels] + p[i];
  }
}

}  // namespace

bool direct_conv_applies(const ConvProblem&, const Engine&) { return true; }

void direct_conv(Engine& engine, const ConvForwardArguments& arguments) {
  const Tensor& x = arguments.x.first;
  const Tensor& weight = arguments.weight;
  const ConvAddends<Tensor>& addends = arguments.addends;
  const ConvGeometry& geometry = arguments.geometry;
  Tensor& y = arguments.y;
  const SingleThreadedOneDnn single_threaded;
  const float* const images = upsampled_images(engine, x, geometry);
  const ConvShape image =
      conv_shape(/*images=*/1, upsampled(x.shape(), geometry.upsample), y.shape(), geometry);
  const bool has_bias = addends.bias.defined() || addends.per_image_bias.defined();
  const bool has_residual = addends.residual.defined();
  // oneDNN's SSE4 kernels crash when they add to sums that are not aligned to 16 bytes.
  const bool apart = has_residual && active_isa() == Isa::sse4;
  ConvForward& conv = engine.conv_forward(
      {.image = image,
       .bias = has_bias ? Bias::present : Bias::absent,
       .destination = has_residual && !apart ? Destination::added_to : Destination::overwritten});
  for (ConvForward::Band& band : conv.bands) {
    band.packed_weight =
        packed_conv_weight(engine, Pass::forward, weight, image, band.weight_format);
  }

  const std::int64_t num_images = x.dim(0);
  const std::size_t sums_bytes =
      addends.per_image_bias.defined() ? aligned(addends.per_image_bias.num_bytes()) : 0;
  const std::size_t scratchpad_bytes = aligned(conv.scratchpad_bytes);
  const std::size_t apart_bytes =
      apart ? aligned(y.num_bytes() / static_cast<std::size_t>(num_images)) : 0;
  const std::size_t thread_bytes = scratchpad_bytes + apart_bytes;
  std::byte* const workspace = engine.workspace().get(
      sums_bytes + thread_bytes * static_cast<std::size_t>(engine.team().size()));
  const float* bias = addends.bias.data_or_null<float>();
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
  engine.team().for_each(num_images * num_bands, [&](int thread, std::int64_t item) {
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
    band.primitive.run(thread, engine.stream(thread),
                       {{DNNL_ARG_SRC, in},
                        {DNNL_ARG_BIAS, bias == nullptr ? nullptr : bias + n * bias_stride},
                        {DNNL_ARG_DST, sums}},
                       scratchpad);
    if (apart) simd::add(residual, sums, out, out_size);
  });
}

void direct_conv(Engine& engine, const ConvBackwardInputArguments& arguments) {
  const Tensor& dy = arguments.dy;
  const Tensor& weight = arguments.weight;
  const ConvGeometry& geometry = arguments.geometry;
  Grad dx = arguments.dx.first;
  const SingleThreadedOneDnn single_threaded;
  const bool gather = geometry.upsample == 2;
  const Shape in_shape = upsampled(dx.tensor.shape(), geometry.upsample);
  const ConvShape image = conv_shape(/*images=*/1, in_shape, dy.shape(), geometry);
  ConvBackward& conv = engine.conv_backward_input(image);
  const auto packed =
      packed_conv_weight(engine, Pass::backward_input, weight, image, conv.weight_format);

  const std::int64_t in_size = image.in_rows * image.in_cols * image.in_channels;
  const std::int64_t out_size = image.out_rows * image.out_cols * image.out_channels;
  const bool accumulate = dx.write == Write::accumulate && !gather;
  const std::size_t scratchpad_bytes = aligned(conv.primitive.scratchpad_bytes());
  const std::size_t thread_bytes =
      scratchpad_bytes +
      (accumulate ? aligned(static_cast<std::size_t>(in_size) * sizeof(float)) : 0);
  std::byte* const workspace =
      engine.workspace().get(thread_bytes * static_cast<std::size_t>(engine.team().size()));

  float* const images =
      gather ? reinterpret_cast<float*>(engine.rearranged().get(4 * dx.tensor.num_bytes()))
             : dx.tensor.data<float>();
  engine.team().for_each(dy.dim(0), [&](int thread, std::int64_t n) {
    std::byte* const scratchpad = workspace + thread_bytes * static_cast<std::size_t>(thread);
    float* const slot = images + n * in_size;
    float* const fresh =
        accumulate ? reinterpret_cast<float*>(scratchpad + scratchpad_bytes) : slot;
    conv.primitive.set(thread, DNNL_ARG_WEIGHTS, *packed);
    conv.primitive.run(
        thread, engine.stream(thread),
        {{DNNL_ARG_DIFF_DST, dy.data<float>() + n * out_size}, {DNNL_ARG_DIFF_SRC, fresh}},
        scratchpad);
    if (accumulate) simd::accumulate(fresh, Write::accumulate, slot, in_size);
  });
  if (gather)
    gather_2x(engine.team(), dx.tensor.shape(), images, 1.0F, dx.write, dx.tensor.data<float>());
}

void direct_conv(Engine& engine, const ConvBackwardWeightArguments& arguments) {
  const Tensor& x = arguments.x.first;
  const Tensor& dy = arguments.dy;
  const ConvGeometry& geometry = arguments.geometry;
  Grad dweight = arguments.dweight;
  const SingleThreadedOneDnn single_threaded;
  const float* const images = upsampled_images(engine, x, geometry);
  const ConvShape batch =
      conv_shape(x.dim(0), upsampled(x.shape(), geometry.upsample), dy.shape(), geometry);
  ConvBackward& conv = engine.conv_backward_weight(batch);
  const std::size_t scratchpad_bytes = aligned(conv.primitive.scratchpad_bytes());
  std::byte* const workspace =
      engine.workspace().get(scratchpad_bytes + conv.weight_format.get_size());
  std::byte* const blocked = workspace + scratchpad_bytes;
  conv.primitive.run(0, engine.stream(0),
                     {{DNNL_ARG_SRC, images},
                      {DNNL_ARG_DIFF_DST, dy.data<float>()},
                      {DNNL_ARG_DIFF_WEIGHTS, blocked}},
                     workspace);
  unpack_conv_weight(engine, batch, conv.weight_format, blocked, dweight);
}

}  // namespace ddim::engine::cpu
