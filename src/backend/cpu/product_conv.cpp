#include "backend/cpu/product_conv.h"

#include <algorithm>
#include <vector>

#include "backend/cpu/conv_shape.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/linear_product.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/packed_weight.h"
#include "backend/cpu/parallel.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {
namespace {

/// All panels of a right factor [K, num_columns] that is made of a weight, kept as long as that
/// does not change. element(k, column) is where it stands in the weight.
template <class Element, class Where>
std::shared_ptr<const PackedWeight> packed_columns(std::string_view purpose, const Tensor& weight,
                                                   std::int64_t K, std::int64_t num_columns,
                                                   const Where& element) {
  const DerivedKey key{.purpose = purpose, .element = element_of<Element>()};
  const std::int64_t num_elements =
      simd::num_panels<Element>(num_columns) * simd::panel_size<Element>(K);
  return packed_weight<Element>(weight, key, num_elements, [&](Element* to) {
    std::vector<float> columns(static_cast<std::size_t>(K * num_columns));
    for (std::int64_t column = 0; column < num_columns; ++column) {
      for (std::int64_t k = 0; k < K; ++k)
        columns[static_cast<std::size_t>(column * K + k)] =
            weight.data<float>()[element(k, column)];
    }
    simd::pack_panels({.data = columns.data(), .row_stride = 1, .column_stride = K}, K, num_columns,
                      to);
  });
}

/// Writes what a window of 3x3 sees of `image` where it begins at (y, x): [C][3][3], zeros beyond
/// the border. `zeros` [C].
void gather_window_by_channel(const ConvShape& s, const float* image, std::int64_t y,
                              std::int64_t x, const float* zeros, float* to) {
  const float* taps[kTaps];
  for (std::int64_t tap = 0; tap < kTaps; ++tap) {
    const std::int64_t row = y + tap / 3;
    const std::int64_t column = x + tap % 3;
    const bool inside = row >= 0 && row < s.in_rows && column >= 0 && column < s.in_cols;
    taps[tap] = inside ? image + (row * s.in_cols + column) * s.in_channels : zeros;
  }
  for (std::int64_t c = 0; c < s.in_channels; ++c, to += kTaps) {
    for (std::int64_t tap = 0; tap < kTaps; ++tap) to[tap] = taps[tap][c];
  }
}

/// Writes what the window sees of `image` where it begins at (y, x): [kernel][kernel][C], zeros
/// beyond the border.
void gather_window(const ConvShape& s, const float* image, std::int64_t y, std::int64_t x,
                   Bf16* to) {
  const std::int64_t row_size = s.kernel * s.in_channels;
  const std::int64_t first = std::clamp<std::int64_t>(-x, 0, s.kernel);
  const std::int64_t end = std::clamp<std::int64_t>(s.in_cols - x, first, s.kernel);
  for (std::int64_t u = 0; u < s.kernel; ++u, to += row_size) {
    const bool inside = y + u >= 0 && y + u < s.in_rows;
    Bf16* const begin = inside ? to + first * s.in_channels : to + row_size;
    const std::int64_t count = inside ? (end - first) * s.in_channels : 0;
    std::fill(to, begin, Bf16{});
    if (count > 0) {
      bf16::round(image + ((y + u) * s.in_cols + x + first) * s.in_channels, count, begin);
      std::fill(begin + count, to + row_size, Bf16{});
    }
  }
}

}  // namespace

bool gathered_product_applies(const ConvProblem& problem, const Engine& engine) {
  return engine.precision() == Precision::bf16 && problem.geometry.stride > 1 &&
         problem.geometry.is_square() && problem.geometry.upsample == 1 && problem.c_in % 2 == 0 &&
         !problem.adds_per_image_bias;
}

void gathered_product(Engine& engine, const ConvForwardArguments& arguments) {
  const Tensor& x = arguments.x.first;
  const Tensor& weight = arguments.weight;
  const ConvAddends<Tensor>& addends = arguments.addends;
  const ConvGeometry& geometry = arguments.geometry;
  Tensor& y = arguments.y;
  constexpr std::int64_t kBlockPixels = 48;
  const ConvShape s = conv_shape(/*images=*/1, x.shape(), y.shape(), geometry);
  const std::int64_t K = s.kernel * s.kernel * s.in_channels;
  const auto packed = packed_columns<Bf16>(
      "gathered_product", weight, K, s.out_channels, [&](std::int64_t k, std::int64_t column) {
        const std::int64_t tap = k / s.in_channels;
        return (column * s.in_channels + k % s.in_channels) * s.kernel * s.kernel + tap;
      });
  const std::int64_t block_rows =
      std::clamp<std::int64_t>(kBlockPixels / s.out_cols, 1, s.out_rows);
  const std::int64_t num_blocks = (s.out_rows + block_rows - 1) / block_rows;
  const std::size_t thread_bytes =
      aligned(static_cast<std::size_t>(block_rows * s.out_cols * K) * sizeof(Bf16));
  const float* const residual = addends.residual.data_or_null<float>();
  ThreadTeam& team = engine.team();
  std::byte* const workspace =
      engine.workspace().get(thread_bytes * static_cast<std::size_t>(team.size()));
  team.for_each(x.dim(0) * num_blocks, [&](int thread, std::int64_t item) {
    auto* const windows =
        reinterpret_cast<Bf16*>(workspace + thread_bytes * static_cast<std::size_t>(thread));
    const std::int64_t n = item / num_blocks;
    const std::int64_t first = item % num_blocks * block_rows;
    const std::int64_t end = std::min(first + block_rows, s.out_rows);
    const float* const image = x.data<float>() + n * s.in_rows * s.in_cols * s.in_channels;
    Bf16* window = windows;
    for (std::int64_t i = first; i < end; ++i) {
      for (std::int64_t j = 0; j < s.out_cols; ++j, window += K)
        gather_window(s, image, i * s.stride - s.pad_top, j * s.stride - s.pad_left, window);
    }
    const std::int64_t at = (n * s.out_rows + first) * s.out_cols * s.out_channels;
    simd::multiply(simd::Product<Bf16>{.a = {windows, K},
                                       .panels = packed->elements<Bf16>(),
                                       .num_rows = (end - first) * s.out_cols,
                                       .num_columns = s.out_channels,
                                       .K = K,
                                       .bias = addends.bias.data_or_null<float>(),
                                       .residual = residual == nullptr ? nullptr : residual + at,
                                       .c = y.data<float>() + at,
                                       .c_row_stride = s.out_channels});
  });
}

bool scattered_product_applies(const ConvProblem& problem, const Engine&) {
  constexpr std::int64_t kMostColumns = 32;
  constexpr std::int64_t kMinChannels = 32;
  const ConvGeometry& geometry = problem.geometry;
  const bool is_same = geometry.is_square() && geometry.kernel == 3 && geometry.stride == 1 &&
                       geometry.pad_begin == 1 && geometry.pad_end == 1 && geometry.upsample == 1;
  return is_same && 9 * problem.c_out <= kMostColumns && problem.c_in >= kMinChannels &&
         !problem.adds_per_image_bias && !problem.adds_residual;
}

void scattered_product(Engine& engine, const ConvForwardArguments& arguments) {
  const Tensor& x = arguments.x.first;
  const Tensor& weight = arguments.weight;
  const ConvAddends<Tensor>& addends = arguments.addends;
  const ConvGeometry& geometry = arguments.geometry;
  Tensor& y = arguments.y;
  constexpr std::int64_t kBandRows = 8;
  const ConvShape s = conv_shape(/*images=*/1, x.shape(), y.shape(), geometry);
  const std::int64_t num_taps = s.kernel * s.kernel;
  const std::int64_t num_columns = num_taps * s.out_channels;  // [tap][C_out]
  const auto packed =
      packed_columns<float>("scattered_product", weight, s.in_channels, num_columns,
                            [&](std::int64_t k, std::int64_t column) {
                              const std::int64_t tap = column / s.out_channels;
                              return (column % s.out_channels * s.in_channels + k) * num_taps + tap;
                            });
  const std::int64_t num_bands = (s.out_rows + kBandRows - 1) / kBandRows;
  const std::size_t thread_bytes =
      aligned(static_cast<std::size_t>((kBandRows + 2) * s.in_cols * num_columns) * sizeof(float));
  ThreadTeam& team = engine.team();
  std::byte* const workspace =
      engine.workspace().get(thread_bytes * static_cast<std::size_t>(team.size()));
  team.for_each(x.dim(0) * num_bands, [&](int thread, std::int64_t item) {
    auto* const products =
        reinterpret_cast<float*>(workspace + thread_bytes * static_cast<std::size_t>(thread));
    const std::int64_t n = item / num_bands;
    const std::int64_t first = item % num_bands * kBandRows;
    const std::int64_t end = std::min(first + kBandRows, s.out_rows);
    const std::int64_t first_in = std::max<std::int64_t>(first - 1, 0);
    const std::int64_t end_in = std::min(end + 1, s.in_rows);
    const std::int64_t first_pixel = (n * s.in_rows + first_in) * s.in_cols;
    simd::multiply(
        simd::Product<float>{.a = {x.data<float>() + first_pixel * s.in_channels, s.in_channels},
                             .panels = packed->elements<float>(),
                             .num_rows = (end_in - first_in) * s.in_cols,
                             .num_columns = num_columns,
                             .K = s.in_channels,
                             .c = products,
                             .c_row_stride = num_columns});
    for (std::int64_t i = first; i < end; ++i) {
      for (std::int64_t j = 0; j < s.out_cols; ++j) {
        float* const out =
            y.data<float>() + ((n * s.out_rows + i) * s.out_cols + j) * s.out_channels;
        for (std::int64_t o = 0; o < s.out_channels; ++o)
          out[o] = addends.bias.defined() ? addends.bias.data<float>()[o] : 0.0F;
        for (std::int64_t tap = 0; tap < num_taps; ++tap) {
          const std::int64_t row = i + tap / s.kernel - 1;
          const std::int64_t column = j + tap % s.kernel - 1;
          if (row < 0 || row >= s.in_rows || column < 0 || column >= s.in_cols) continue;
          const float* const from = products +
                                    ((row - first_in) * s.in_cols + column) * num_columns +
                                    tap * s.out_channels;
          for (std::int64_t o = 0; o < s.out_channels; ++o) out[o] += from[o];
        }
      }
    }
  });
}

bool gathered_weight_gradient_applies(const ConvProblem& problem, const Engine&) {
  constexpr std::int64_t kMinChannels = 16;
  return problem.geometry.is_square() && problem.geometry.kernel == 3 &&
         problem.geometry.upsample == 1 && problem.c_in >= kMinChannels &&
         problem.c_out >= kMinChannels;
}

void gathered_weight_gradient(Engine& engine, const ConvBackwardWeightArguments& arguments) {
  const Tensor& x = arguments.x.first;
  const Tensor& dy = arguments.dy;
  const ConvGeometry& geometry = arguments.geometry;
  Grad dweight = arguments.dweight;
  const ConvShape s = conv_shape(/*images=*/1, x.shape(), dy.shape(), geometry);
  const std::int64_t row_size = s.in_channels * s.kernel * s.kernel;
  const std::int64_t pixels = s.out_rows * s.out_cols;
  const std::int64_t num_rows = x.dim(0) * pixels;
  const std::int64_t rows_at_once = std::min(num_rows, weight_gradient_rows(engine));
  auto* const zeros = reinterpret_cast<float*>(engine.rearranged().get(
      static_cast<std::size_t>(s.in_channels + rows_at_once * row_size) * sizeof(float)));
  float* const windows = zeros + s.in_channels;
  std::fill_n(zeros, s.in_channels, 0.0F);
  for (std::int64_t first = 0; first < num_rows; first += rows_at_once) {
    const std::int64_t count = std::min(rows_at_once, num_rows - first);
    parallel_for(engine.team(), count, [&](std::int64_t i) {
      const std::int64_t n = (first + i) / pixels;
      const std::int64_t pixel = (first + i) % pixels;
      gather_window_by_channel(s, x.data<float>() + n * s.in_rows * s.in_cols * s.in_channels,
                               pixel / s.out_cols * s.stride - s.pad_top,
                               pixel % s.out_cols * s.stride - s.pad_left, zeros,
                               windows + i * row_size);
    });
    if (first > 0) dweight.write = Write::accumulate;
    linear_weight_gradient(engine, {.data = windows, .count = row_size},
                           dy.data<float>() + first * s.out_channels, count, /*first_column=*/0,
                           dweight);
  }
}

}  // namespace ddim::engine::cpu
