#pragma once

#include <compare>
#include <cstdint>

#include <dnnl.hpp>

namespace ddim::engine::cpu {

/// One convolution as oneDNN sees it: `images` images of in_rows x in_cols pixels. Activations are
/// [N,H,W,C]; weights are in whatever format the primitive likes best.
struct ConvShape {
  std::int64_t images = 1;
  std::int64_t in_rows = 0;
  std::int64_t in_cols = 0;
  std::int64_t in_channels = 0;
  std::int64_t out_rows = 0;
  std::int64_t out_cols = 0;
  std::int64_t out_channels = 0;
  std::int64_t kernel = 0;         ///< from top to bottom
  std::int64_t kernel_across = 0;  ///< from left to right
  std::int64_t stride = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_bottom = 0;
  std::int64_t pad_left = 0;
  std::int64_t pad_right = 0;

  auto operator<=>(const ConvShape&) const = default;
};

enum class Bias { absent, present };
enum class Destination { overwritten, added_to };

// Descriptions of primitives, scratchpad provided by the user. These functions are the one place
// that knows both interfaces of oneDNN: 2.x (operation descriptors) and 3.x.

dnnl::convolution_forward::primitive_desc describe_conv_forward(const dnnl::engine& engine,
                                                                const ConvShape& shape, Bias bias,
                                                                Destination destination);
dnnl::convolution_backward_data::primitive_desc describe_conv_backward_input(
    const dnnl::engine& engine, const ConvShape& shape);
dnnl::convolution_backward_weights::primitive_desc describe_conv_backward_weight(
    const dnnl::engine& engine, const ConvShape& shape);

/// The checkpoint's format of a weight: [C_out,C_in,kernel,kernel], dense.
dnnl::memory::desc plain_weight(const ConvShape& shape);

}  // namespace ddim::engine::cpu
