#include "backend/cpu/shifted_conv.h"

#include <algorithm>

#include "backend/cpu/engine.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/packed_weight.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/resample.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {
namespace {

using bf16::kPanel;

constexpr std::int64_t kMinChannelsWritten = 16;

/// Bytes of an image's rounded rows that stay in the second-level cache, beside the weights.
constexpr std::int64_t kCacheBytes = 128 << 10;

/// The convolution that is run, which is the forward one or its gradient of the input.
struct Convolution {
  std::int64_t num_images = 0;
  std::int64_t height = 0;  ///< of what it writes
  std::int64_t width = 0;
  std::int64_t c_in = 0;
  std::int64_t c_out = 0;
  std::int64_t upsample = 1;
  Pass pass = Pass::forward;
  const float* x = nullptr;
  const Tensor& weight;
  const float* bias = nullptr;
  const float* per_image_bias = nullptr;
  const float* residual = nullptr;  ///< laid out as y
  float* y = nullptr;

  /// Pixels from one row to the next of an image with a border: a pixel of zeros ends each row, and
  /// is the left neighbour of the next one's first.
  std::int64_t row_pixels() const { return width + 1; }
  std::int64_t num_panels() const { return simd::num_panels<Bf16>(c_out); }
  std::int64_t panel_size() const { return kTaps * c_in * kPanel; }
};

/// How far from the pixel at its window's upper left corner a tap's pixel is.
std::int64_t shift_of(std::int64_t tap, std::int64_t row_pixels) {
  return tap / 3 * row_pixels + tap % 3;
}

/// The weights of a panel, one column of taps and channels after the other: to[kPanel][tap][c_in].
void gather_columns(const Convolution& conv, std::int64_t panel, float* to) {
  const bool forward = conv.pass == Pass::forward;
  // Strides within weight [C_out,C_in,3,3] of the forward convolution.
  const std::int64_t stride_out = forward ? conv.c_in * kTaps : kTaps;
  const std::int64_t stride_in = forward ? kTaps : conv.c_out * kTaps;
  const std::int64_t columns = std::min(kPanel, conv.c_out - panel * kPanel);
  const float* const weight = conv.weight.data<float>() + panel * kPanel * stride_out;
  const auto put = [&](std::int64_t column, std::int64_t c) {
    const float* const from = weight + column * stride_out + c * stride_in;
    float* const column_of_taps = to + column * kTaps * conv.c_in + c;
    for (std::int64_t tap = 0; tap < kTaps; ++tap)
      column_of_taps[(forward ? tap : kTaps - 1 - tap) * conv.c_in] = from[tap];
  };
  if (forward) {  // as the weights lie in memory
    for (std::int64_t column = 0; column < columns; ++column) {
      for (std::int64_t c = 0; c < conv.c_in; ++c) put(column, c);
    }
  } else {
    for (std::int64_t c = 0; c < conv.c_in; ++c) {
      for (std::int64_t column = 0; column < columns; ++column) put(column, c);
    }
  }
}

/// [panel][tap][c_in/2][kPanel][2], kept as long as the weights do not change.
std::shared_ptr<const PackedWeight> packed_taps(Engine& engine, const Convolution& conv) {
  const DerivedKey key{
      .purpose = "shifted_products", .pass = conv.pass, .element = element_of<Bf16>()};
  return packed_weight<Bf16>(
      conv.weight, key, conv.num_panels() * conv.panel_size(), [&](Bf16* to) {
        const std::int64_t K = kTaps * conv.c_in;
        auto* const columns = reinterpret_cast<float*>(engine.workspace().get(
            static_cast<std::size_t>(engine.team().size() * K * kPanel) * sizeof(float)));
        engine.team().for_each(conv.num_panels(), [&](int thread, std::int64_t panel) {
          float* const of_panel = columns + thread * K * kPanel;
          gather_columns(conv, panel, of_panel);
          simd::pack_panels({.data = of_panel, .row_stride = 1, .column_stride = K}, K,
                            std::min(kPanel, conv.c_out - panel * kPanel), 0, 1,
                            to + panel * conv.panel_size());
        });
      });
}

/// Rounds rows first-1 .. first+count of an image, zeros beyond it and after each row, behind one
/// more pixel of zeros: to[1 + (count+2) * row_pixels][c_in].
void round_rows(const Convolution& conv, const float* image, std::int64_t first, std::int64_t count,
                Bf16* to) {
  const std::int64_t c_in = conv.c_in;
  const std::int64_t row_size = conv.width * c_in;
  std::fill_n(to, c_in, Bf16{});
  to += c_in;
  const Bf16* source = nullptr;  // where the row that `y` repeats has been rounded
  for (std::int64_t y = first - 1; y <= first + count; ++y, to += row_size + c_in) {
    std::fill_n(to + row_size, c_in, Bf16{});
    if (y < 0 || y >= conv.height) {
      std::fill_n(to, row_size, Bf16{});
    } else if (conv.upsample == 1) {
      bf16::round(image + y * row_size, row_size, to);
    } else if (y % 2 == 1 && source != nullptr) {
      std::copy_n(source, row_size, to);
    } else {
      const float* pixel = image + y / 2 * (conv.width / 2) * c_in;
      for (Bf16* pair = to; pair < to + row_size; pair += 2 * c_in, pixel += c_in) {
        bf16::round(pixel, c_in, pair);
        std::copy_n(pair, c_in, pair + c_in);
      }
      source = to;
    }
  }
}

void convolve(Engine& engine, const Convolution& conv) {
  const auto weights = packed_taps(engine, conv);
  ThreadTeam& team = engine.team();
  // Bands of an image's rows that fit the cache; for few images, groups of panels for all threads.
  const std::int64_t row_bytes = conv.row_pixels() * conv.c_in * std::int64_t{sizeof(Bf16)};
  const std::int64_t band_rows =
      std::clamp<std::int64_t>(kCacheBytes / row_bytes - 2, 1, conv.height);
  const std::int64_t num_bands = divide_up(conv.height, band_rows);
  const std::int64_t num_items = conv.num_images * num_bands;
  const std::int64_t wanted_groups = divide_up(team.num_present(), num_items);
  const std::int64_t group_panels = divide_up(conv.num_panels(), wanted_groups);
  const std::int64_t num_groups = divide_up(conv.num_panels(), group_panels);

  const std::size_t rounded_bytes =
      aligned(static_cast<std::size_t>(((band_rows + 2) * conv.row_pixels() + 1) * conv.c_in) *
              sizeof(Bf16));
  const std::size_t thread_bytes =
      rounded_bytes + aligned(static_cast<std::size_t>(conv.c_out) * sizeof(float));
  std::byte* const workspace =
      engine.workspace().get(thread_bytes * static_cast<std::size_t>(team.size()));
  std::int64_t offsets[kTaps];
  for (std::int64_t tap = 0; tap < kTaps; ++tap)
    offsets[tap] = shift_of(tap, conv.row_pixels()) * conv.c_in;
  const std::int64_t in_size =
      conv.height / conv.upsample * (conv.width / conv.upsample) * conv.c_in;

  team.for_each(num_items * num_groups, [&](int thread, std::int64_t item) {
    const std::int64_t first_panel = item % num_groups * group_panels;
    const std::int64_t column = first_panel * kPanel;
    item /= num_groups;
    std::byte* const scratch = workspace + thread_bytes * static_cast<std::size_t>(thread);
    auto* const rounded = reinterpret_cast<Bf16*>(scratch);
    const std::int64_t n = item / num_bands;
    const std::int64_t first = item % num_bands * band_rows;
    const std::int64_t count = std::min(band_rows, conv.height - first);
    round_rows(conv, conv.x + n * in_size, first, count, rounded);
    const float* bias = conv.bias;
    if (conv.per_image_bias != nullptr) {
      auto* const sums = reinterpret_cast<float*>(scratch + rounded_bytes);
      const float* const of_image = conv.per_image_bias + n * conv.c_out;
      for (std::int64_t c = 0; c < conv.c_out; ++c)
        sums[c] = bias == nullptr ? of_image[c] : bias[c] + of_image[c];
      bias = sums;
    }
    const std::int64_t at = (n * conv.height + first) * conv.width * conv.c_out + column;
    bf16::multiply(bf16::TapProduct{
        .product = {.a = rounded,
                    .b = weights->elements<Bf16>() + first_panel * conv.panel_size(),
                    .num_rows = count * conv.row_pixels() - 1,
                    .num_k = conv.c_in,
                    .a_row_stride = conv.c_in,
                    .num_columns = std::min(group_panels * kPanel, conv.c_out - column),
                    .b_panel_stride = conv.panel_size(),
                    .bias = bias == nullptr ? nullptr : bias + column,
                    .residual = conv.residual == nullptr ? nullptr : conv.residual + at,
                    .c = conv.y + at,
                    .c_row_stride = conv.c_out},
        .num_taps = kTaps,
        .offsets = offsets,
        .row_run = conv.width});
  });
}

}  // namespace

bool shifted_products_apply(const ConvProblem& problem, const Engine& engine) {
  const ConvGeometry& geometry = problem.geometry;
  if (!engine.multiplies_tiles()) return false;
  if (problem.is_in_parts || !geometry.is_square() || geometry.kernel != 3) return false;
  if (geometry.stride != 1 || geometry.pad_begin != 1 || geometry.pad_end != 1) return false;
  const bool backward_input = problem.pass == Pass::backward_input;
  const std::int64_t read = backward_input ? problem.c_out : problem.c_in;
  const std::int64_t written = backward_input ? problem.c_in : problem.c_out;
  return read % bf16::kTile == 0 && written >= kMinChannelsWritten;
}

void shifted_products(Engine& engine, const ConvForwardArguments& conv) {
  convolve(engine, {.num_images = conv.y.dim(0),
                    .height = conv.y.dim(1),
                    .width = conv.y.dim(2),
                    .c_in = conv.x.first.dim(3),
                    .c_out = conv.y.dim(3),
                    .upsample = conv.geometry.upsample,
                    .x = conv.x.first.data<float>(),
                    .weight = conv.weight,
                    .bias = conv.addends.bias.data_or_null<float>(),
                    .per_image_bias = conv.addends.per_image_bias.data_or_null<float>(),
                    .residual = conv.addends.residual.data_or_null<float>(),
                    .y = conv.y.data<float>()});
}

void shifted_products(Engine& engine, const ConvBackwardInputArguments& conv) {
  Grad dx = conv.dx.first;
  const bool gathers = conv.geometry.upsample == 2;
  float* const to =
      gathers ? reinterpret_cast<float*>(engine.rearranged().get(4 * dx.tensor.num_bytes()))
              : dx.tensor.data<float>();
  convolve(engine, {.num_images = conv.dy.dim(0),
                    .height = conv.dy.dim(1),
                    .width = conv.dy.dim(2),
                    .c_in = conv.dy.dim(3),
                    .c_out = dx.tensor.dim(3),
                    .pass = Pass::backward_input,
                    .x = conv.dy.data<float>(),
                    .weight = conv.weight,
                    .residual = dx.write == Write::accumulate && !gathers ? to : nullptr,
                    .y = to});
  if (gathers)
    gather_2x(engine.team(), dx.tensor.shape(), to, 1.0F, dx.write, dx.tensor.data<float>());
}

}  // namespace ddim::engine::cpu
