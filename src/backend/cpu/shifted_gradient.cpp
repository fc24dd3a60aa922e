#include <algorithm>
#include <cstring>

#include "backend/cpu/engine.h"
#include "backend/cpu/layout_simd.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/resample.h"
#include "backend/cpu/shifted_conv.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {
namespace {

using bf16::kPanel;

constexpr std::int64_t kTaps = 9;
constexpr std::int64_t kTileElements = 32;  // of a row of a left factor

/// Pixels whose products are added up before the sums are written.
constexpr std::int64_t kPixelsAtATime = 1088;

/// Elements of a row of dweight that are turned at a time, on the stack.
constexpr std::int64_t kElementsPerBlock = 16 * kTaps;

std::int64_t whole_tiles(std::int64_t elements) {
  return (elements + kTileElements - 1) / kTileElements;
}

/// How the images of a weight gradient are cut: some rows of one are a band, and some bands are
/// multiplied at a time. Rows begin at even places and end with a border of zeros, which is the
/// left neighbour of the next row's first pixel. A band of x has the row above it and the one below
/// it, one of dy has not.
struct Bands {
  std::int64_t height, width;
  std::int64_t row_pixels;  ///< with the border
  std::int64_t band_rows;   ///< at most
  std::int64_t bands_per_image;
  std::int64_t band_pixels;  ///< from one band of x to the next
  std::int64_t num_k;        ///< pixels of a band of dy: whole tiles
  std::int64_t total;        ///< bands of all images
  std::int64_t bands_at_a_time;
  std::int64_t num_pixels;  ///< of x, where all bands that are multiplied at a time lie

  explicit Bands(const Tensor& dy) : height(dy.dim(1)), width(dy.dim(2)) {
    row_pixels = bf16::padded(width + 1);
    const std::int64_t most_rows = std::clamp<std::int64_t>(kPixelsAtATime / row_pixels, 1, height);
    bands_per_image = (height + most_rows - 1) / most_rows;
    band_rows = (height + bands_per_image - 1) / bands_per_image;
    band_pixels = (band_rows + 2) * row_pixels;
    num_k = whole_tiles(band_rows * row_pixels) * kTileElements;
    total = dy.dim(0) * bands_per_image;
    const std::int64_t most_bands =
        std::clamp<std::int64_t>(kPixelsAtATime / num_k, 1, bf16::kMostTaps);
    const std::int64_t num_stages = (total + most_bands - 1) / most_bands;
    bands_at_a_time = (total + num_stages - 1) / num_stages;
    // An odd number of tiles: the rows of the transpose begin in different lines of a cache.
    const std::int64_t last_pixel = place_of(bands_at_a_time - 1, kTaps - 1) + num_k;
    num_pixels = (whole_tiles(last_pixel) | 1) * kTileElements;
  }
  std::int64_t image_of(std::int64_t band) const { return band / bands_per_image; }
  std::int64_t first_row_of(std::int64_t band) const { return band % bands_per_image * band_rows; }
  std::int64_t rows_of(std::int64_t band) const {
    return std::min(band_rows, height - first_row_of(band));
  }
  /// Where the pixel lies with which a tap meets the first one of a band of dy.
  std::int64_t place_of(std::int64_t band, std::int64_t tap) const {
    return band * band_pixels + tap / 3 * row_pixels + tap % 3 + 1;
  }
};

/// Transposes so many channels of bands first .. first+count-1 of x [N,H,W,c_in]:
/// to[channels][num_pixels], the first pixel of a band's upper row at place 2.
void transpose_bands(const Bands& bands, std::int64_t first, std::int64_t count, const float* x,
                     std::int64_t c_in, std::int64_t channels, Bf16* to) {
  for (std::int64_t band = 0; band < count; ++band) {
    const std::int64_t y = bands.first_row_of(first + band) - 1;
    const float* const image = x + bands.image_of(first + band) * bands.height * bands.width * c_in;
    for (std::int64_t row = 0; row < bands.rows_of(first + band) + 2; ++row) {
      Bf16* const to_row = to + band * bands.band_pixels + row * bands.row_pixels + 2;
      if (y + row >= 0 && y + row < bands.height) {
        bf16::transpose_rounded(image + (y + row) * bands.width * c_in, c_in, channels, bands.width,
                                to_row, bands.num_pixels);
      } else {
        for (std::int64_t c = 0; c < channels; ++c)
          std::fill_n(to_row + c * bands.num_pixels, bands.width, Bf16{});
      }
    }
  }
}

/// Packs bands first .. first+count-1 of dy [N,H,W,c_out]: to[count][num_k/2][kPanel][2].
void pack_bands(const Bands& bands, std::int64_t first, std::int64_t count, const float* dy,
                std::int64_t c_out, std::int64_t panel, Bf16* to) {
  for (std::int64_t band = first; band < first + count; ++band, to += bands.num_k * kPanel) {
    const std::int64_t rows = bands.rows_of(band);
    const std::int64_t pixel =
        (bands.image_of(band) * bands.height + bands.first_row_of(band)) * bands.width;
    for (std::int64_t row = 0; row < rows; ++row) {
      simd::pack_panels({.data = dy + (pixel + row * bands.width) * c_out, .row_stride = c_out},
                        bands.width, c_out, panel, 1, to + row * bands.row_pixels * kPanel);
    }
    std::fill(to + rows * bands.row_pixels * kPanel, to + bands.num_k * kPanel, Bf16{});
  }
}

/// dweight [num_columns][row_size] of a panel's channels from sums [row_size][kPanel].
void write_gradient(const float* sums, std::int64_t row_size, std::int64_t num_columns, Write write,
                    float* dweight) {
  float turned[kPanel * kElementsPerBlock];
  for (std::int64_t first = 0; first < row_size; first += kElementsPerBlock) {
    const std::int64_t count = std::min(kElementsPerBlock, row_size - first);
    simd::transpose(sums + first * kPanel, kPanel, count, num_columns, turned, kElementsPerBlock);
    simd::move_rows({.rows = num_columns,
                     .width = count,
                     .from_stride = kElementsPerBlock,
                     .to_stride = row_size},
                    turned, write, dweight + first);
  }
}

}  // namespace

void shifted_products(Engine& engine, const ConvBackwardWeightArguments& arguments) {
  const Tensor& dy = arguments.dy;
  const float* const x = upsampled_images(engine, arguments.x.first, arguments.geometry);
  const std::int64_t c_in = arguments.x.first.dim(3);
  const std::int64_t c_out = dy.dim(3);
  const Bands bands(dy);
  const std::int64_t num_blocks = c_in / kPanel;
  const std::int64_t num_panels = (c_out + kPanel - 1) / kPanel;
  const std::int64_t panel_size = bands.bands_at_a_time * bands.num_k * kPanel;
  const std::int64_t row_size = c_in * kTaps;  // of dweight
  const std::int64_t panel_sums = row_size * kPanel;

  const std::size_t transposed_bytes =
      aligned(static_cast<std::size_t>(bands.num_pixels * c_in) * sizeof(Bf16));
  const std::size_t panels_bytes =
      aligned(static_cast<std::size_t>(num_panels * panel_size) * sizeof(Bf16));
  std::byte* const workspace =
      engine.workspace().get(transposed_bytes + panels_bytes +
                             static_cast<std::size_t>(num_panels * panel_sums) * sizeof(float));
  auto* const transposed = reinterpret_cast<Bf16*>(workspace);
  auto* const panels = reinterpret_cast<Bf16*>(workspace + transposed_bytes);
  auto* const sums = reinterpret_cast<float*>(workspace + transposed_bytes + panels_bytes);
  std::memset(workspace, 0, transposed_bytes + panels_bytes);  // the borders stay zero

  ThreadTeam& team = engine.team();
  for (std::int64_t first = 0; first < bands.total; first += bands.bands_at_a_time) {
    const std::int64_t count = std::min(bands.bands_at_a_time, bands.total - first);
    parallel_for(team, num_blocks + num_panels, [&](std::int64_t item) {
      if (item < num_blocks) {
        transpose_bands(bands, first, count, x + item * kPanel, c_in, kPanel,
                        transposed + item * kPanel * bands.num_pixels);
      } else {
        const std::int64_t panel = item - num_blocks;
        pack_bands(bands, first, count, dy.data<float>(), c_out, panel,
                   panels + panel * panel_size);
      }
    });
    parallel_for(team, num_panels * num_blocks, [&](std::int64_t item) {
      const std::int64_t panel = item / num_blocks;
      const std::int64_t c = item % num_blocks * kPanel;
      for (std::int64_t tap = 0; tap < kTaps; ++tap) {
        std::int64_t offsets[bf16::kMostTaps];
        for (std::int64_t band = 0; band < count; ++band) offsets[band] = bands.place_of(band, tap);
        bf16::multiply(bf16::TapProduct{
            .product = {.a = transposed + c * bands.num_pixels,
                        .b = panels + panel * panel_size,
                        .num_rows = kPanel,
                        .num_k = bands.num_k,
                        .a_row_stride = bands.num_pixels,
                        .num_columns = std::min(kPanel, c_out - panel * kPanel),
                        .b_panel_stride = panel_size,
                        .write = first == 0 ? Write::overwrite : Write::accumulate,
                        .c = sums + panel * panel_sums + (c * kTaps + tap) * kPanel,
                        .c_row_stride = kTaps * kPanel},
            .num_taps = count,
            .offsets = offsets});
      }
    });
  }
  Grad dweight = arguments.dweight;
  float* const gradient = dweight.tensor.data<float>();
  parallel_for(team, num_panels, [&](std::int64_t panel) {
    write_gradient(sums + panel * panel_sums, row_size, std::min(kPanel, c_out - panel * kPanel),
                   dweight.write, gradient + panel * kPanel * row_size);
  });
}

}  // namespace ddim::engine::cpu
