#pragma once

#include <cstdint>

#include "backend/cpu/bf16.h"
#include "tensor/kernels.h"

/// Winograd's F(4x4,3x3), F(2x4,3x3) and F(2x2,3x3) for 3x3 convolutions of stride 1 and padding 1
/// (Lavin and Gray, arXiv:1509.09308): Y = A^T [ (G g G^T) . (B^T d B) ] A, where a 4x4 tile of
/// outputs Y costs 36 products for each pair of channels in place of 144, a 2x4 tile 24 in place of
/// 72, and a 2x2 tile 16 in place of 36. The interpolation points along an axis of four outputs are
/// 0, 1/2, -1/2, 3/2, -3/2 and infinity: A and B hold exact binary fractions, and of the usual
/// choices this one loses least. Those of two are 0, 1, -1 and infinity, which lose next to
/// nothing.
///
/// A convolution after an upsampling has the same form and needs no interpolation: along one axis,
/// pixel x_i of the small image makes two outputs,
///   y_2i   = w0 x_{i-1} + (w1 + w2) x_i = w0 (x_{i-1} - x_i) + (w0 + w1 + w2) x_i
///   y_2i+1 = (w0 + w1) x_i + w2 x_{i+1} = (w0 + w1 + w2) x_i + w2 (x_{i+1} - x_i),
/// so a 2x2 tile costs 9 products in place of 36, with no more weights than there were.
///
/// A tile's result depends on its own inputs alone, and the sum over input channels runs from the
/// first to the last: neither the batch nor the cutting into blocks changes a bit.
namespace ddim::engine::cpu::winograd {

/// Output channels that are computed together: in fp32 as many as in bf16.
constexpr std::int64_t kPanel = bf16::kPanel;
constexpr std::int64_t kLanes = 16;  ///< input channels of a block in the weight gradient

/// What is computed along one axis of a tile.
enum class Axis {
  f2,
  f4,
  upsample,           ///< two outputs over one pixel of the image that is upsampled
  upsample_gradient,  ///< one pixel of that image's gradient
};

/// Tile i along an axis makes outputs i * outputs, ... from inputs i * step - 1, ...
struct AxisSizes {
  int inputs, points, outputs, step;
};
constexpr AxisSizes sizes_of(Axis axis) {
  switch (axis) {
    case Axis::f2:
      return {.inputs = 4, .points = 4, .outputs = 2, .step = 2};
    case Axis::f4:
      return {.inputs = 6, .points = 6, .outputs = 4, .step = 4};
    case Axis::upsample:
      return {.inputs = 3, .points = 3, .outputs = 2, .step = 1};
    case Axis::upsample_gradient:
      break;
  }
  return {.inputs = 4, .points = 3, .outputs = 1, .step = 2};
}

/// By the outputs' rows and columns.
enum class Tile { f2x2, f2x4, f4x4, upsample, upsample_gradient };
constexpr Axis row_axis(Tile tile) {
  switch (tile) {
    case Tile::f2x2:
    case Tile::f2x4:
      return Axis::f2;
    case Tile::f4x4:
      return Axis::f4;
    case Tile::upsample:
      return Axis::upsample;
    case Tile::upsample_gradient:
      break;
  }
  return Axis::upsample_gradient;
}
constexpr Axis column_axis(Tile tile) { return tile == Tile::f2x4 ? Axis::f4 : row_axis(tile); }
constexpr AxisSizes rows_of(Tile tile) { return sizes_of(row_axis(tile)); }
constexpr AxisSizes columns_of(Tile tile) { return sizes_of(column_axis(tile)); }

/// Images [N,H,W,C_out] from as many with C_in channels; C_in a multiple of kLanes, C_out of
/// kPanel. An image that is upsampled is half as high and wide, a gradient's twice.
struct Problem {
  std::int64_t num_images = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t c_in = 0;
  std::int64_t c_out = 0;
  Tile tile = Tile::f4x4;

  AxisSizes rows() const { return rows_of(tile); }
  AxisSizes columns() const { return columns_of(tile); }
  std::int64_t in_height() const { return height * rows().step / rows().outputs; }
  std::int64_t in_width() const { return width * columns().step / columns().outputs; }
  /// Elements of a transformed tile.
  std::int64_t num_points() const { return std::int64_t{rows().points} * columns().points; }
  std::int64_t tiles_y() const { return (height + rows().outputs - 1) / rows().outputs; }
  std::int64_t tiles_x() const { return (width + columns().outputs - 1) / columns().outputs; }
  std::int64_t tiles_per_image() const { return tiles_y() * tiles_x(); }
  std::int64_t num_tiles() const { return num_images * tiles_per_image(); }
  std::int64_t num_panels() const { return c_out / kPanel; }

  // Elements from one point to the next.
  std::int64_t v_stride(std::int64_t num_tiles) const { return num_tiles * c_in; }
  static std::int64_t u_stride(std::int64_t num_channels) { return num_channels * kPanel; }
  static std::int64_t m_stride(std::int64_t num_tiles) { return num_tiles * kPanel; }
  /// In the gradient of the weights, of a block of input channels.
  static std::int64_t block_stride(std::int64_t num_tiles) { return num_tiles * kLanes; }
};

/// Tiles first .. first+count-1, counted over all images, row by row.
struct Tiles {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// Some of the input channels.
struct Channels {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

// The transforms are computed in fp32, and rounded to bf16 where products are to be made of that.

constexpr std::int64_t kTaps = 9;  ///< of a 3x3 window

/// taps[channels.count][tap][kPanel]: the weights themselves, of some input channels, for panel
/// `panel` of the problem's output channels. `problem` is that of the convolution that is run: for
/// backward_input its C_in is the weights' C_out.
void gather_taps(const Problem& problem, Pass pass, const float* weight, std::int64_t panel,
                 const Channels& channels, float* taps);

/// u[point][num_channels][kPanel] = G g G^T of so many input channels' taps; in bf16,
/// [point][num_channels/2][kPanel][2] (bf16.h).
void transform_weights(const Problem& problem, const float* taps, std::int64_t num_channels,
                       float* u);
void transform_weights(const Problem& problem, const float* taps, std::int64_t num_channels,
                       Bf16* u);

/// v[point][tile][C_in] = B^T d B of the tiles, of which `part` (counted from the first of them) is
/// computed. `zeros` holds C_in zeros: what lies beyond the border.
void transform_input(const Problem& problem, const float* x, const Tiles& tiles, const Tiles& part,
                     const float* zeros, float* v);
void transform_input(const Problem& problem, const float* x, const Tiles& tiles, const Tiles& part,
                     const float* zeros, Bf16* v);

/// What is added to the sums; null pointers are left out. See ConvAddends.
struct Addends {
  const float* bias = nullptr;            // [C_out]
  const float* per_image_bias = nullptr;  // [N,C_out]
  const float* residual = nullptr;        // [N,H,W,C_out], may be y
};

/// m[panel][point][tile][kPanel] = the products of v with transformed weights [panel][point]... of
/// some input channels. Sums begin at zero with the first channel and go on from m with later ones;
/// in bf16, channels are all there are.
void multiply(const Problem& problem, const float* v, std::int64_t num_tiles, const float* u,
              const Channels& channels, std::int64_t num_panels, float* m);
void multiply(const Problem& problem, const Bf16* v, std::int64_t num_tiles, const Bf16* u,
              const Channels& channels, std::int64_t num_panels, float* m);

/// Writes the outputs of the tiles in panel `panel`: y = A^T m A + addends.
void write_outputs(const Problem& problem, const float* m, const Tiles& tiles, std::int64_t panel,
                   const Addends& addends, float* y);

// ---- the gradient of the weights: dg = G^T [ sum over tiles (B^T d B) . (A dY A^T) ] G ----

/// v[C_in/kLanes][point][tile][kLanes] = B^T d B.
void transform_input_by_channel(const Problem& problem, const float* x, const Tiles& tiles,
                                const float* zeros, float* v);
/// m[panel][point][tile][kPanel] = A dY A^T.
void transform_gradient(const Problem& problem, const float* dy, const Tiles& tiles, float* m);
/// dweight[o,c,3,3] for the kLanes input channels of block `block` and all of panel `panel`, from
/// the transforms of `num_tiles` tiles, which are summed in their order. `u` is scratch for
/// num_points * u_stride(kLanes) floats.
void weight_gradient(const Problem& problem, std::int64_t num_tiles, const float* v, const float* m,
                     std::int64_t block, std::int64_t panel, Write write, float* u, float* dweight);

}  // namespace ddim::engine::cpu::winograd
