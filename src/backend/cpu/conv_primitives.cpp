#include "backend/cpu/conv_primitives.h"

#include <algorithm>

namespace ddim::engine::cpu {
namespace {

/// Large enough that the halo and the weights read anew for each band cost 1 to 2 %, small enough
/// that four threads find work in one image of 32x32.
constexpr std::int64_t kMostRowsPerBand = 8;

}  // namespace

std::vector<ConvBand> conv_bands(const ConvShape& image) {
  const std::int64_t rows_per_band =
      std::clamp((image.out_rows + 1) / 2, std::int64_t{1}, kMostRowsPerBand);
  std::vector<ConvBand> bands;
  for (std::int64_t first = 0; first < image.out_rows; first += rows_per_band) {
    const std::int64_t rows = std::min(rows_per_band, image.out_rows - first);
    const std::int64_t in_begin = first * image.stride - image.pad_top;
    const std::int64_t in_end = (first + rows - 1) * image.stride - image.pad_top + image.kernel;
    ConvBand band{.first_out_row = first,
                  .first_in_row = std::max(in_begin, std::int64_t{0}),
                  .shape = image};
    band.shape.out_rows = rows;
    band.shape.pad_top = band.first_in_row - in_begin;
    band.shape.pad_bottom = std::max(in_end - image.in_rows, std::int64_t{0});
    band.shape.in_rows = std::min(in_end, image.in_rows) - band.first_in_row;
    bands.push_back(band);
  }
  return bands;
}

ConvForward make_conv_forward(const dnnl::engine& engine, const ConvForwardKey& key,
                              int num_threads) {
  ConvForward conv;
  for (const ConvBand& band : conv_bands(key.image)) {
    const auto description = describe_conv_forward(engine, band.shape, key.bias, key.destination);
    conv.bands.push_back(
        {.place = band,
         .weight_format = description.weights_desc(),
         .primitive = Primitive(dnnl::convolution_forward(description), description,
                                {{DNNL_ARG_SRC, description.src_desc()},
                                 {DNNL_ARG_BIAS, description.bias_desc()},
                                 {DNNL_ARG_DST, description.dst_desc()}},
                                engine, num_threads),
         .packed_weight = nullptr});
    conv.scratchpad_bytes =
        std::max(conv.scratchpad_bytes, conv.bands.back().primitive.scratchpad_bytes());
  }
  return conv;
}

ConvBackward make_conv_backward_input(const dnnl::engine& engine, const ConvShape& shape,
                                      int num_threads) {
  const auto description = describe_conv_backward_input(engine, shape);
  return {.weight_format = description.weights_desc(),
          .primitive = Primitive(dnnl::convolution_backward_data(description), description,
                                 {{DNNL_ARG_DIFF_DST, description.diff_dst_desc()},
                                  {DNNL_ARG_DIFF_SRC, description.diff_src_desc()}},
                                 engine, num_threads)};
}

ConvBackward make_conv_backward_weight(const dnnl::engine& engine, const ConvShape& shape) {
  const auto description = describe_conv_backward_weight(engine, shape);
  return {.weight_format = description.diff_weights_desc(),
          .primitive = Primitive(dnnl::convolution_backward_weights(description), description,
                                 {{DNNL_ARG_SRC, description.src_desc()},
                                  {DNNL_ARG_DIFF_DST, description.diff_dst_desc()},
                                  {DNNL_ARG_DIFF_WEIGHTS, description.diff_weights_desc()}},
                                 engine, 1)};
}

}  // namespace ddim::engine::cpu
