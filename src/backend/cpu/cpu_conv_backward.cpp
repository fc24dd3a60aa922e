#include "backend/cpu/column_sums.h"
#include "backend/cpu/conv_shape.h"
#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/linear_product.h"
#include "backend/cpu/pointwise_conv.h"
#include "backend/cpu/product_conv.h"
#include "backend/cpu/resample.h"
#include "backend/cpu/single_threaded_onednn.h"
#include "backend/cpu/winograd.h"
#include "base/thread_team.h"

namespace ddim::cpu {
void CpuKernels::conv2d_backward_input(const Tensor& dy, const Tensor& weight,
                                       const ConvGeometry& geometry, const ChannelGrads& parts) {
  if (!parts) return;
  Grad dx = parts.first;
  if (!dx || dx.tensor.dim(3) != weight.dim(1)) {
    return pointwise_backward_input(*engine_, dy, weight, parts);
  }
  if (winograd_applies(geometry, dy.dim(1), dy.dim(2), dx.tensor.dim(3), dy.dim(3))) {
    return winograd_backward_input(*engine_, dy, weight, geometry, dx);
  }
  if (geometry.is_pointwise() && engine_->precision() == Precision::bf16) {
    return linear_product(*engine_, {.x = dy.data<float>(),
                                     .num_rows = dy.size() / dy.dim(3),
                                     .weight = weight,
                                     .role = WeightRole::as_it_is,
                                     .write = dx.write,
                                     .y = dx.tensor.data<float>()});
  }
  const SingleThreadedOneDnn single_threaded;
  const bool gather = geometry.upsample == 2;
  const Shape in_shape = upsampled(dx.tensor.shape(), geometry.upsample);
  const ConvShape image = conv_shape(/*images=*/1, in_shape, dy.shape(), geometry);
  ConvBackward& conv = engine_->conv_backward_input(image);
  const auto packed = packed_conv_weight(*engine_, weight, image, conv.weight_format);

  const std::int64_t in_size = image.in_rows * image.in_cols * image.in_channels;
  const std::int64_t out_size = image.out_rows * image.out_cols * image.out_channels;
  const bool accumulate = dx.write == Write::accumulate && !gather;
  const std::size_t scratchpad_bytes = aligned(conv.primitive.scratchpad_bytes());
  const std::size_t thread_bytes =
      scratchpad_bytes +
      (accumulate ? aligned(static_cast<std::size_t>(in_size) * sizeof(float)) : 0);
  std::byte* const workspace =
      engine_->workspace().get(thread_bytes * static_cast<std::size_t>(team().size()));

  float* const images =
      gather ? reinterpret_cast<float*>(engine_->rearranged().get(4 * dx.tensor.num_bytes()))
             : dx.tensor.data<float>();
  team().for_each(dy.dim(0), [&](int thread, std::int64_t n) {
    std::byte* const scratchpad = workspace + thread_bytes * static_cast<std::size_t>(thread);
    float* const slot = images + n * in_size;
    float* const fresh =
        accumulate ? reinterpret_cast<float*>(scratchpad + scratchpad_bytes) : slot;
    conv.primitive.set(thread, DNNL_ARG_WEIGHTS, *packed);
    conv.primitive.run(
        thread, engine_->stream(thread),
        {{DNNL_ARG_DIFF_DST, dy.data<float>() + n * out_size}, {DNNL_ARG_DIFF_SRC, fresh}},
        scratchpad);
    if (accumulate) simd::accumulate(fresh, Write::accumulate, slot, in_size);
  });
  if (gather) gather_2x(team(), dx.tensor.shape(), images, 1.0F, dx.write, dx.tensor.data<float>());
}

// On one thread whatever the device has: oneDNN would divide the sum over pixels among threads.
// Training runs in parallel over shards of the batch.
void CpuKernels::conv2d_backward_weight(const ChannelParts& parts, const Tensor& dy,
                                        const ConvGeometry& geometry, Grad dweight, Grad dbias) {
  const std::int64_t C_out = dy.dim(3);
  if (dbias) column_sums(dy.data<float>(), dy.size() / C_out, C_out, dbias);
  if (!dweight) return;
  if (parts.second.defined()) return pointwise_backward_weight(*engine_, parts, dy, dweight);
  const Tensor& x = parts.first;
  // In fp32 also where other products are bf16: what Adam adds up over thousands of steps.
  if (winograd_weight_gradient_applies(geometry, x.dim(1), x.dim(2), x.dim(3), dy.dim(3))) {
    return winograd_backward_weight(*engine_, x, dy, geometry, dweight);
  }
  if (gathered_weight_gradient_applies(geometry, x.dim(3), dy.dim(3))) {
    return gathered_weight_gradient(*engine_, x, dy, geometry, dweight);
  }
  const SingleThreadedOneDnn single_threaded;
  const float* const images = upsampled_images(*engine_, x, geometry);
  const ConvShape batch =
      conv_shape(x.dim(0), upsampled(x.shape(), geometry.upsample), dy.shape(), geometry);
  ConvBackward& conv = engine_->conv_backward_weight(batch);
  const std::size_t scratchpad_bytes = aligned(conv.primitive.scratchpad_bytes());
  std::byte* const workspace =
      engine_->workspace().get(scratchpad_bytes + conv.weight_format.get_size());
  std::byte* const blocked = workspace + scratchpad_bytes;
  conv.primitive.run(0, engine_->stream(0),
                     {{DNNL_ARG_SRC, images},
                      {DNNL_ARG_DIFF_DST, dy.data<float>()},
                      {DNNL_ARG_DIFF_WEIGHTS, blocked}},
                     workspace);
  unpack_conv_weight(*engine_, batch, conv.weight_format, blocked, dweight);
}

}  // namespace ddim::cpu
