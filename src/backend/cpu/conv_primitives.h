#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend/cpu/onednn_conv.h"
#include "backend/cpu/primitive.h"

namespace ddim::engine::cpu {

/// The rows [first_out_row, first_out_row + shape.out_rows) of a convolution's output, computed
/// from the rows of the input that they see.
struct ConvBand {
  std::int64_t first_out_row = 0;
  std::int64_t first_in_row = 0;
  ConvShape shape;
};

/// Cuts the convolution of one image into bands of rows, the pieces that threads share out. The cut
/// depends on the shape alone: an image is computed in the same pieces by the same code whatever
/// the batch and the number of threads, so its bits are the same by construction. (oneDNN may block
/// its sums differently for another number of rows or threads, and does.)
std::vector<ConvBand> conv_bands(const ConvShape& image);

/// A forward convolution of one image.
struct ConvForward {
  struct Band {
    ConvBand place;
    dnnl::memory::desc weight_format;
    Primitive primitive;
    std::shared_ptr<const dnnl::memory> packed_weight;  ///< of the run under way
  };
  std::vector<Band> bands;
  std::size_t scratchpad_bytes = 0;  ///< of the band that needs most
};

struct ConvForwardKey {
  ConvShape image;
  Bias bias = Bias::absent;
  Destination destination = Destination::overwritten;
  auto operator<=>(const ConvForwardKey&) const = default;
};

ConvForward make_conv_forward(const dnnl::engine& engine, const ConvForwardKey& key,
                              int num_threads);

/// A gradient of a convolution, with the format of the packed weight or weight gradient.
struct ConvBackward {
  dnnl::memory::desc weight_format;
  Primitive primitive;
};

ConvBackward make_conv_backward_input(const dnnl::engine& engine, const ConvShape& shape,
                                      int num_threads);
ConvBackward make_conv_backward_weight(const dnnl::engine& engine, const ConvShape& shape);

}  // namespace ddim::engine::cpu
