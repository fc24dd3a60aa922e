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

/// Pixels that are made ready at a time: they stay in the second-level cache.
constexpr std::int64_t kPixelsAtATime = 1088;

/// Tiles of pixels, of kPanel channels of both factors, that stay in the first-level cache while
/// they are multiplied with each tap.
constexpr std::int64_t kTilesAtATime = 9;

/// Elements of a row of dweight that are turned at a time, on the stack.
constexpr std::int64_t kElementsPerBlock = 16 * kTaps;

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
    bands_per_image = divide_up(height, most_rows);
    band_rows = divide_up(height, bands_per_image);
    band_pixels = (band_rows + 2) * row_pixels;
    num_k = divide_up(band_rows * row_pixels, bf16::kTile) * bf16::kTile;
    total = dy.dim(0) * bands_per_image;
    const std::int64_t most_bands = std::max<std::int64_t>(kPixelsAtATime / num_k, 1);
    bands_at_a_time = divide_up(total, divide_up(total, most_bands));
    // An odd number of tiles: the rows of the transpose begin in different lines of a cache.
    const std::int64_t last_pixel = place_of(bands_at_a_time - 1, kTaps - 1) + num_k;
    num_pixels = (divide_up(last_pixel, bf16::kTile) | 1) * bf16::kTile;
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

/// Transposes a row of a band of x [N,H,W,c_in], its upper and lower neighbours counted, to
/// to[c][i]: channels are num_pixels apart.
void transpose_row(const Bands& bands, std::int64_t band, std::int64_t row, const float* x,
                   std::int64_t c_in, Bf16* to) {
  const std::int64_t y = bands.first_row_of(band) + row - 1;
  if (y >= 0 && y < bands.height) {
    const std::int64_t pixel = (bands.image_of(band) * bands.height + y) * bands.width;
    bf16::transpose_rounded(x + pixel * c_in, c_in, c_in, bands.width, to, bands.num_pixels);
  } else {
    for (std::int64_t c = 0; c < c_in; ++c)
      std::fill_n(to + c * bands.num_pixels, bands.width, Bf16{});
  }
}

/// Packs a row of a band of dy [N,H,W,c_out] to [width/2][kPanel][2] of each panel, zeros for a row
/// that the band has not.
void pack_row(const Bands& bands, std::int64_t band, std::int64_t row, const float* dy,
              std::int64_t c_out, std::int64_t panel_size, Bf16* to) {
  const std::int64_t y = bands.first_row_of(band) + row;
  const std::int64_t pixel = (bands.image_of(band) * bands.height + y) * bands.width;
  for (std::int64_t panel = 0; panel * kPanel < c_out; ++panel, to += panel_size) {
    if (row < bands.rows_of(band)) {
      simd::pack_panels({.data = dy + pixel * c_out, .row_stride = c_out}, bands.width, c_out,
                        panel, 1, to);
    } else {
      std::fill_n(to, bands.row_pixels * kPanel, Bf16{});
    }
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

/// sums [kPanel][tap][kPanel] = or += products of kPanel channels of `transposed` with a panel,
/// over `count` bands.
void add_products(const Bands& bands, std::int64_t count, const Bf16* transposed, const Bf16* panel,
                  Write write, float* sums) {
  std::int64_t offsets[kTaps];
  for (std::int64_t tap = 0; tap < kTaps; ++tap) offsets[tap] = bands.place_of(0, tap);
  const std::int64_t band_tiles = bands.num_k / bf16::kTile;
  const std::int64_t runs = std::max<std::int64_t>(kTilesAtATime / band_tiles, 1);
  const std::int64_t run_k =
      divide_up(band_tiles, divide_up(band_tiles, kTilesAtATime)) * bf16::kTile;
  for (std::int64_t band = 0; band < count; band += runs) {
    for (std::int64_t k = 0; k < bands.num_k; k += run_k) {
      bf16::multiply(bf16::BlockOfTaps{.a = transposed + band * bands.band_pixels + k,
                                       .a_row_stride = bands.num_pixels,
                                       .num_runs = std::min(runs, count - band),
                                       .run_stride = bands.band_pixels,
                                       .num_k = std::min(run_k, bands.num_k - k),
                                       .b = panel + (band * bands.num_k + k) * kPanel,
                                       .num_taps = kTaps,
                                       .offsets = offsets,
                                       .write = write,
                                       .c = sums,
                                       .c_tap_stride = kPanel,
                                       .c_row_stride = kTaps * kPanel});
      write = Write::accumulate;
    }
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
  const std::int64_t num_panels = simd::num_panels<Bf16>(c_out);
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
    const std::int64_t rows = bands.band_rows + 2;
    parallel_for(team, count * rows, [&](std::int64_t item) {
      const std::int64_t band = item / rows;
      const std::int64_t row = item % rows;
      transpose_row(bands, first + band, row, x, c_in,
                    transposed + band * bands.band_pixels + row * bands.row_pixels + 2);
      if (row < bands.band_rows) {
        pack_row(bands, first + band, row, dy.data<float>(), c_out, panel_size,
                 panels + (band * bands.num_k + row * bands.row_pixels) * kPanel);
      }
    });
    parallel_for(team, num_panels * num_blocks, [&](std::int64_t item) {
      const std::int64_t panel = item / num_blocks;
      const std::int64_t c = item % num_blocks * kPanel;
      add_products(bands, count, transposed + c * bands.num_pixels, panels + panel * panel_size,
                   first == 0 ? Write::overwrite : Write::accumulate,
                   sums + panel * panel_sums + c * kTaps * kPanel);
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
