#include "backend/cpu/winograd_simd.h"

#include <algorithm>
#include <type_traits>

#include "backend/cpu/isa.h"
#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/winograd_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_bf16-inl.h"
#include "backend/cpu/simd_products-inl.h"
#include "backend/cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::winograd::HWY_NAMESPACE {

HWY_INLINE void store(V value, float* to) { hn::StoreU(value, d, to); }
/// Where a Bf16 stands that is rounded in this way.
template <class Rounding>
struct RoundedBf16 {
  Bf16 value;
};
template <class Rounding>
HWY_INLINE void store(V value, RoundedBf16<Rounding>* to) {
  Rounding::store(d, value, &to->value);
}

/// Calls body(std::integral_constant<Tile, tile>()).
template <class Body>
HWY_INLINE void with_tile(Tile tile, const Body& body) {
  switch (tile) {
    case Tile::f2x2:
      return body(std::integral_constant<Tile, Tile::f2x2>());
    case Tile::f2x4:
      return body(std::integral_constant<Tile, Tile::f2x4>());
    case Tile::f4x4:
      return body(std::integral_constant<Tile, Tile::f4x4>());
    case Tile::upsample:
      return body(std::integral_constant<Tile, Tile::upsample>());
    case Tile::upsample_gradient:
      return body(std::integral_constant<Tile, Tile::upsample_gradient>());
  }
}

template <Tile kTile>
using RowTransforms = Transforms<row_axis(kTile)>;
template <Tile kTile>
using ColumnTransforms = Transforms<column_axis(kTile)>;

/// Where a tile lies: it is the image's tile (y, x).
struct Place {
  std::int64_t image, y, x;
};
HWY_INLINE Place place_of(const Problem& problem, std::int64_t tile) {
  const std::int64_t within = tile % problem.tiles_per_image();
  return {tile / problem.tiles_per_image(), within / problem.tiles_x(), within % problem.tiles_x()};
}

/// A pixel's place among those of all images.
HWY_INLINE std::int64_t pixel_index(const Problem& problem, std::int64_t image, std::int64_t y,
                                    std::int64_t x) {
  return (image * problem.height + y) * problem.width + x;
}

/// Where element [point][tile][channel] of transformed tiles goes.
struct TransformedLayout {
  std::int64_t point, tile, channel_block;  // strides; a block holds kLanes channels
};

template <Tile kTile, class Element>
void transform_input_to(const Problem& problem, const float* x, const Tiles& tiles,
                        const Tiles& part, const float* zeros, const TransformedLayout& stride,
                        Element* v) {
  constexpr AxisSizes kRows = rows_of(kTile);
  constexpr AxisSizes kColumns = columns_of(kTile);
  const std::int64_t height = problem.in_height();
  const std::int64_t width = problem.in_width();
  for (std::int64_t i = part.first; i < part.first + part.count; ++i) {
    const Place place = place_of(problem, tiles.first + i);
    const float* pixels[kRows.inputs][kColumns.inputs];
    for (std::int64_t row = 0; row < kRows.inputs; ++row) {
      for (std::int64_t column = 0; column < kColumns.inputs; ++column) {
        const std::int64_t y = place.y * kRows.step + row - 1;
        const std::int64_t xx = place.x * kColumns.step + column - 1;
        const bool inside = y >= 0 && y < height && xx >= 0 && xx < width;
        pixels[row][column] =
            inside ? x + ((place.image * height + y) * width + xx) * problem.c_in : zeros;
      }
    }
    for (std::int64_t c = 0; c < problem.c_in; c += kVector) {
      V in[kRows.inputs][kColumns.inputs];
      for (int row = 0; row < kRows.inputs; ++row) {
        for (int column = 0; column < kColumns.inputs; ++column)
          in[row][column] = hn::LoadU(d, pixels[row][column] + c);
      }
      V out[kRows.points][kColumns.points];
      transform_2d(RowTransforms<kTile>::input, ColumnTransforms<kTile>::input, in, out);
      Element* to = v + i * stride.tile + c / kLanes * stride.channel_block + c % kLanes;
      for (int row = 0; row < kRows.points; ++row) {
        for (int column = 0; column < kColumns.points; ++column)
          store(out[row][column], to + (row * kColumns.points + column) * stride.point);
      }
    }
  }
}

template <class Element>
void transform_input_of(const Problem& problem, const float* x, const Tiles& tiles,
                        const Tiles& part, const float* zeros, Element* v) {
  const TransformedLayout stride{
      .point = problem.v_stride(tiles.count), .tile = problem.c_in, .channel_block = kLanes};
  with_tile(problem.tile, [&](auto tile) {
    transform_input_to<tile()>(problem, x, tiles, part, zeros, stride, v);
  });
}

void TransformInput(const Problem& problem, const float* x, const Tiles& tiles, const Tiles& part,
                    const float* zeros, float* v) {
  transform_input_of(problem, x, tiles, part, zeros, v);
}
void TransformInputBf16(const Problem& problem, const float* x, const Tiles& tiles,
                        const Tiles& part, const float* zeros, Bf16* v) {
  simd::HWY_NAMESPACE::with_rounding([&](auto rounding) HWY_ATTR {
    transform_input_of(problem, x, tiles, part, zeros,
                       reinterpret_cast<RoundedBf16<decltype(rounding)>*>(v));
  });
}

/// The tiles that the gradient of the weights can have.
template <class Body>
HWY_INLINE void with_gradient_tile(Tile tile, const Body& body) {
  if (tile == Tile::upsample) return body(std::integral_constant<Tile, Tile::upsample>());
  body(std::integral_constant<Tile, Tile::f4x4>());
}

void TransformInputByChannel(const Problem& problem, const float* x, const Tiles& tiles,
                             const float* zeros, float* v) {
  const TransformedLayout stride{
      .point = problem.block_stride(tiles.count),
      .tile = kLanes,
      .channel_block = problem.num_points() * problem.block_stride(tiles.count)};
  with_gradient_tile(problem.tile, [&](auto tile) {
    transform_input_to<tile()>(problem, x, tiles, {.count = tiles.count}, zeros, stride, v);
  });
}

template <Tile kTile>
void transform_gradient_of(const Problem& problem, const float* dy, const Tiles& tiles, float* m) {
  constexpr AxisSizes kRows = rows_of(kTile);
  constexpr AxisSizes kColumns = columns_of(kTile);
  const std::int64_t stride = problem.m_stride(tiles.count);
  for (std::int64_t i = 0; i < tiles.count; ++i) {
    const Place place = place_of(problem, tiles.first + i);
    const std::int64_t y = place.y * kRows.outputs;
    const std::int64_t x = place.x * kColumns.outputs;
    const float* tile = dy + pixel_index(problem, place.image, y, x) * problem.c_out;
    for (std::int64_t c = 0; c < problem.c_out; c += kVector) {
      V in[kRows.outputs][kColumns.outputs];
      for (int row = 0; row < kRows.outputs; ++row) {
        for (int column = 0; column < kColumns.outputs; ++column) {
          const bool inside = y + row < problem.height && x + column < problem.width;
          in[row][column] =
              inside ? hn::LoadU(d, tile + (row * problem.width + column) * problem.c_out + c)
                     : hn::Zero(d);
        }
      }
      V out[kRows.points][kColumns.points];
      transform_2d(RowTransforms<kTile>::gradient, ColumnTransforms<kTile>::gradient, in, out);
      float* to = m + c / kPanel * problem.num_points() * stride + i * kPanel + c % kPanel;
      for (int row = 0; row < kRows.points; ++row) {
        for (int column = 0; column < kColumns.points; ++column)
          hn::StoreU(out[row][column], d, to + (row * kColumns.points + column) * stride);
      }
    }
  }
}

void TransformGradient(const Problem& problem, const float* dy, const Tiles& tiles, float* m) {
  with_gradient_tile(problem.tile,
                     [&](auto tile) { transform_gradient_of<tile()>(problem, dy, tiles, m); });
}

namespace products = simd::HWY_NAMESPACE;
using products::LeftStrides;

/// c[kRows][kPanel] (+)= a[kRows][num_k] b[num_k][kPanel], each sum in the order of k.
template <int kRows>
HWY_INLINE void multiply_rows(std::int64_t num_k, const float* a, const LeftStrides& stride,
                              const float* b, Write write, float* c) {
  for (std::int64_t first = 0; first < kPanel; first += 2 * kVector) {
    V left[kRows];
    V right[kRows];
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      float* const sums = c + row * kPanel + first;
      left[row] = write == Write::overwrite ? hn::Zero(d) : hn::LoadU(d, sums);
      right[row] = write == Write::overwrite ? hn::Zero(d) : hn::LoadU(d, sums + kVector);
    }
    products::add_products(d, num_k, a, stride, b + first, kPanel, left, right);
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      hn::StoreU(left[row], d, c + row * kPanel + first);
      hn::StoreU(right[row], d, c + row * kPanel + first + kVector);
    }
  }
}

/// Rows row, row+1, ... in slices of kRows as long as there are so many; returns the next row.
template <int kRows>
HWY_INLINE std::int64_t multiply_slices(std::int64_t row, std::int64_t num_rows, std::int64_t num_k,
                                        const float* a, const LeftStrides& stride, const float* b,
                                        Write write, float* c) {
  for (; num_rows - row >= kRows; row += kRows)
    multiply_rows<kRows>(num_k, a + row * stride.row, stride, b, write, c + row * kPanel);
  return row;
}

/// c[num_rows][kPanel] (+)= a b, in slices of kMostRows rows, then 4, then 1.
template <int kMostRows>
HWY_NOINLINE void multiply(std::int64_t num_rows, std::int64_t num_k, const float* a,
                           const LeftStrides& stride, const float* b, Write write, float* c) {
  std::int64_t row = multiply_slices<kMostRows>(0, num_rows, num_k, a, stride, b, write, c);
  row = multiply_slices<4>(row, num_rows, num_k, a, stride, b, write, c);
  multiply_slices<1>(row, num_rows, num_k, a, stride, b, write, c);
}

/// Divides kLanes.
constexpr int kChannelRows = products::kManyRegisters ? 8 : 4;

/// y = A^T m A + addends for the tiles and one panel of output channels.
template <Tile kTile>
void write_outputs_of(const Problem& problem, const float* m, const Tiles& tiles,
                      std::int64_t panel, const Addends& addends, float* y) {
  constexpr AxisSizes kRows = rows_of(kTile);
  constexpr AxisSizes kColumns = columns_of(kTile);
  for (std::int64_t i = 0; i < tiles.count; ++i) {
    const Place place = place_of(problem, tiles.first + i);
    const std::int64_t first_row = place.y * kRows.outputs;
    const std::int64_t first_column = place.x * kColumns.outputs;
    const std::int64_t num_rows = std::min<std::int64_t>(kRows.outputs, problem.height - first_row);
    const std::int64_t num_columns =
        std::min<std::int64_t>(kColumns.outputs, problem.width - first_column);
    for (std::int64_t c = 0; c < kPanel; c += kVector) {
      V in[kRows.points][kColumns.points];
      for (int row = 0; row < kRows.points; ++row) {
        for (int column = 0; column < kColumns.points; ++column) {
          const std::int64_t point = row * kColumns.points + column;
          in[row][column] =
              hn::LoadU(d, m + point * problem.m_stride(tiles.count) + i * kPanel + c);
        }
      }
      V out[kRows.outputs][kColumns.outputs];
      transform_2d(RowTransforms<kTile>::output, ColumnTransforms<kTile>::output, in, out);
      const std::int64_t channel = panel * kPanel + c;
      V bias = addends.bias != nullptr ? hn::LoadU(d, addends.bias + channel) : hn::Zero(d);
      if (addends.per_image_bias != nullptr) {
        bias = hn::Add(
            bias, hn::LoadU(d, addends.per_image_bias + place.image * problem.c_out + channel));
      }
      for (std::int64_t row = 0; row < num_rows; ++row) {
        std::int64_t at =
            pixel_index(problem, place.image, first_row + row, first_column) * problem.c_out +
            channel;
        for (std::int64_t column = 0; column < num_columns; ++column, at += problem.c_out) {
          V value = hn::Add(out[row][column], bias);
          if (addends.residual != nullptr)
            value = hn::Add(value, hn::LoadU(d, addends.residual + at));
          hn::StoreU(value, d, y + at);
        }
      }
    }
  }
}

void WriteOutputs(const Problem& problem, const float* m, const Tiles& tiles, std::int64_t panel,
                  const Addends& addends, float* y) {
  with_tile(problem.tile,
            [&](auto tile) { write_outputs_of<tile()>(problem, m, tiles, panel, addends, y); });
}

void Multiply(const Problem& problem, const float* v, std::int64_t num_tiles, const float* u,
              const Channels& channels, float* m) {
  for (std::int64_t point = 0; point < problem.num_points(); ++point) {
    multiply<products::kTileRows>(
        num_tiles, channels.count, v + point * problem.v_stride(num_tiles) + channels.first,
        {.row = problem.c_in, .k = 1}, u + point * problem.u_stride(channels.count),
        channels.first == 0 ? Write::overwrite : Write::accumulate,
        m + point * problem.m_stride(num_tiles));
  }
}

void GatherTaps(const Problem& problem, Pass pass, const float* weight, std::int64_t panel,
                const Channels& channels, float* taps) {
  const bool forward = pass == Pass::forward;
  // Strides of the convolution that is run, within weight [C_out,C_in,3,3] of the forward one.
  const std::int64_t stride_out = forward ? problem.c_in * kTaps : kTaps;
  const std::int64_t stride_in = forward ? kTaps : problem.c_out * kTaps;
  for (std::int64_t c = channels.first; c < channels.first + channels.count;
       ++c, taps += kTaps * kPanel) {
    for (std::int64_t o = 0; o < kPanel; ++o) {
      const float* from = weight + (panel * kPanel + o) * stride_out + c * stride_in;
      for (std::int64_t tap = 0; tap < kTaps; ++tap)
        taps[(forward ? tap : kTaps - 1 - tap) * kPanel + o] = from[tap];
    }
  }
}

/// Writes part of row k of a panel of right factors.
HWY_INLINE void put_row(V values, std::int64_t k, std::int64_t column, float* panel) {
  hn::StoreU(values, d, panel + k * kPanel + column);
}
HWY_INLINE void put_row(V values, std::int64_t k, std::int64_t column, Bf16* panel) {
  alignas(64) float row[kLanes];
  hn::Store(values, d, row);
  for (std::int64_t i = 0; i < kVector; ++i)
    panel[(k / 2 * kPanel + column + i) * 2 + k % 2] = to_bf16(row[i]);
}

template <Tile kTile, class Element>
void transform_weights_to(const float* taps, std::int64_t num_channels, Element* u) {
  constexpr AxisSizes kRows = rows_of(kTile);
  constexpr AxisSizes kColumns = columns_of(kTile);
  for (std::int64_t c = 0; c < num_channels; ++c) {
    const float* const from = taps + c * kTaps * kPanel;
    for (std::int64_t o = 0; o < kPanel; o += kVector) {
      V in[3][3];
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) in[i][j] = hn::LoadU(d, from + (i * 3 + j) * kPanel + o);
      }
      V out[kRows.points][kColumns.points];
      transform_2d(RowTransforms<kTile>::weight, ColumnTransforms<kTile>::weight, in, out);
      for (int i = 0; i < kRows.points; ++i) {
        for (int j = 0; j < kColumns.points; ++j)
          put_row(out[i][j], c, o, u + (i * kColumns.points + j) * Problem::u_stride(num_channels));
      }
    }
  }
}

template <class Element>
void transform_weights_of(const Problem& problem, const float* taps, std::int64_t num_channels,
                          Element* u) {
  with_tile(problem.tile, [&](auto tile) { transform_weights_to<tile()>(taps, num_channels, u); });
}

void TransformWeights(const Problem& problem, const float* taps, std::int64_t num_channels,
                      float* u) {
  transform_weights_of(problem, taps, num_channels, u);
}
void TransformWeightsBf16(const Problem& problem, const float* taps, std::int64_t num_channels,
                          Bf16* u) {
  transform_weights_of(problem, taps, num_channels, u);
}

/// dweight [C_out,C_in,3,3] of the block's and the panel's channels from the sums u.
template <Tile kTile>
void write_weight_gradient(const Problem& problem, const float* u, std::int64_t block,
                           std::int64_t panel, Write write, float* dweight) {
  constexpr AxisSizes kRows = rows_of(kTile);
  constexpr AxisSizes kColumns = columns_of(kTile);
  for (std::int64_t c = 0; c < kLanes; ++c) {
    alignas(64) float taps[kTaps][kPanel];
    for (std::int64_t o = 0; o < kPanel; o += kVector) {
      V in[kRows.points][kColumns.points];
      for (int i = 0; i < kRows.points; ++i) {
        for (int j = 0; j < kColumns.points; ++j) {
          const std::int64_t point = i * kColumns.points + j;
          in[i][j] = hn::LoadU(d, u + point * problem.u_stride(kLanes) + c * kPanel + o);
        }
      }
      V out[3][3];
      transform_2d(RowTransforms<kTile>::weight_gradient, ColumnTransforms<kTile>::weight_gradient,
                   in, out);
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) hn::Store(out[i][j], d, &taps[i * 3 + j][o]);
      }
    }
    for (std::int64_t o = 0; o < kPanel; ++o) {
      float* to = dweight + ((panel * kPanel + o) * problem.c_in + block * kLanes + c) * kTaps;
      for (std::int64_t tap = 0; tap < kTaps; ++tap) {
        to[tap] = write == Write::accumulate ? to[tap] + taps[tap][o] : taps[tap][o];
      }
    }
  }
}

void WeightGradient(const Problem& problem, std::int64_t num_tiles, const float* v, const float* m,
                    std::int64_t block, std::int64_t panel, Write write, float* u, float* dweight) {
  const std::int64_t num_points = problem.num_points();
  for (std::int64_t point = 0; point < num_points; ++point) {
    multiply<kChannelRows>(
        kLanes, num_tiles, v + (block * num_points + point) * problem.block_stride(num_tiles),
        {.row = 1, .k = kLanes}, m + (panel * num_points + point) * problem.m_stride(num_tiles),
        Write::overwrite, u + point * problem.u_stride(kLanes));
  }
  with_gradient_tile(problem.tile, [&](auto tile) {
    write_weight_gradient<tile()>(problem, u, block, panel, write, dweight);
  });
}

}  // namespace ddim::engine::cpu::winograd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::winograd {

HWY_EXPORT(GatherTaps);
HWY_EXPORT(TransformWeights);
HWY_EXPORT(TransformWeightsBf16);
HWY_EXPORT(TransformInput);
HWY_EXPORT(TransformInputBf16);
HWY_EXPORT(Multiply);
HWY_EXPORT(WriteOutputs);
HWY_EXPORT(TransformInputByChannel);
HWY_EXPORT(TransformGradient);
HWY_EXPORT(WeightGradient);

void gather_taps(const Problem& problem, Pass pass, const float* weight, std::int64_t panel,
                 const Channels& channels, float* taps) {
  HWY_DYNAMIC_DISPATCH(GatherTaps)(problem, pass, weight, panel, channels, taps);
}
void transform_weights(const Problem& problem, const float* taps, std::int64_t num_channels,
                       float* u) {
  HWY_DYNAMIC_DISPATCH(TransformWeights)(problem, taps, num_channels, u);
}
void transform_weights(const Problem& problem, const float* taps, std::int64_t num_channels,
                       Bf16* u) {
  HWY_DYNAMIC_DISPATCH(TransformWeightsBf16)(problem, taps, num_channels, u);
}
void transform_input(const Problem& problem, const float* x, const Tiles& tiles, const Tiles& part,
                     const float* zeros, Bf16* v) {
  HWY_DYNAMIC_DISPATCH(TransformInputBf16)(problem, x, tiles, part, zeros, v);
}
void transform_input(const Problem& problem, const float* x, const Tiles& tiles, const Tiles& part,
                     const float* zeros, float* v) {
  HWY_DYNAMIC_DISPATCH(TransformInput)(problem, x, tiles, part, zeros, v);
}
void multiply(const Problem& problem, const float* v, std::int64_t num_tiles, const float* u,
              const Channels& channels, std::int64_t num_panels, float* m) {
  const std::int64_t u_size = problem.num_points() * problem.u_stride(channels.count);
  const std::int64_t m_size = problem.num_points() * problem.m_stride(num_tiles);
  for (std::int64_t panel = 0; panel < num_panels; ++panel) {
    HWY_DYNAMIC_DISPATCH(Multiply)
    (problem, v, num_tiles, u + panel * u_size, channels, m + panel * m_size);
  }
}
void multiply(const Problem& problem, const Bf16* v, std::int64_t num_tiles, const Bf16* u,
              const Channels& channels, std::int64_t num_panels, float* m) {
  const std::int64_t u_stride = problem.u_stride(channels.count);
  const std::int64_t m_stride = problem.m_stride(num_tiles);
  for (std::int64_t point = 0; point < problem.num_points(); ++point) {
    bf16::multiply({.a = v + point * problem.v_stride(num_tiles),
                    .b = u + point * u_stride,
                    .num_rows = num_tiles,
                    .num_k = channels.count,
                    .a_row_stride = channels.count,
                    .num_columns = num_panels * kPanel,
                    .b_panel_stride = problem.num_points() * u_stride,
                    .c = m + point * m_stride,
                    .c_row_stride = kPanel,
                    .c_panel_stride = problem.num_points() * m_stride});
  }
}
void write_outputs(const Problem& problem, const float* m, const Tiles& tiles, std::int64_t panel,
                   const Addends& addends, float* y) {
  HWY_DYNAMIC_DISPATCH(WriteOutputs)(problem, m, tiles, panel, addends, y);
}
void transform_input_by_channel(const Problem& problem, const float* x, const Tiles& tiles,
                                const float* zeros, float* v) {
  HWY_DYNAMIC_DISPATCH(TransformInputByChannel)(problem, x, tiles, zeros, v);
}
void transform_gradient(const Problem& problem, const float* dy, const Tiles& tiles, float* m) {
  HWY_DYNAMIC_DISPATCH(TransformGradient)(problem, dy, tiles, m);
}
void weight_gradient(const Problem& problem, std::int64_t num_tiles, const float* v, const float* m,
                     std::int64_t block, std::int64_t panel, Write write, float* u,
                     float* dweight) {
  HWY_DYNAMIC_DISPATCH(WeightGradient)(problem, num_tiles, v, m, block, panel, write, u, dweight);
}

}  // namespace ddim::engine::cpu::winograd
#endif  // HWY_ONCE
