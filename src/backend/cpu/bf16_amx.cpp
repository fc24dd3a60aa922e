#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "backend/cpu/bf16_panels-inl.h"
#include "backend/cpu/bf16_x86.h"

// How this file is compiled: bf16_avx512.cpp.

namespace ddim::engine::cpu::bf16 {
namespace {

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kTilePairs = 16;
constexpr std::int64_t kTileBytes = kTilePairs * kPairBytes;  // of a row of the left factor
constexpr std::int64_t kBlockRows = 2 * kTileRows;

/// Panels above this do not stay in the first-level cache beside what they are multiplied with.
constexpr std::int64_t kLongPanelBytes = 24 << 10;

/// Pairs of rows of a panel between what is multiplied and what is asked for: panels come from the
/// second-level cache or from further away.
constexpr std::int64_t kPairsAhead = 4 * kTilePairs;

// The tiles, whose names the intrinsics take as numbers alone: 0 and 1 are the sums of the block's
// upper rows, 2 and 3 those of its lower ones; 4 and 5 rows of the left factor, 6 and 7 columns of
// the right one.

/// What LDTILECFG reads.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {};
};

/// Makes the compiler write what is at an address, and nothing new before this: it does not know
/// that the instructions of AMX read there.
void write_to_memory(const void* address) { __asm__ volatile("" ::"r"(address) : "memory"); }

/// Those in which the tiles of the left factor and of the sums have 0 to 16 rows: LDTILECFG waits
/// long for what was written just before it.
constexpr auto kTileConfigs = [] {
  std::array<TileConfig, kTileRows + 1> configs;
  for (std::size_t rows = 0; rows < configs.size(); ++rows) {
    for (int tile = 0; tile < 8; ++tile)
      configs[rows].rows[tile] = static_cast<std::uint8_t>(tile < 6 ? rows : kTilePairs);
  }
  return configs;
}();

/// The tiles of this thread, as long as it lives: those of the left factor and of the sums have so
/// many rows.
class Tiles {
 public:
  explicit Tiles(std::int64_t tile_rows) {
    _tile_loadconfig(&kTileConfigs[static_cast<std::size_t>(tile_rows)]);
  }
  ~Tiles() { _tile_release(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

/// Adds the products of a row of tiles of the left factor, or two, with two columns of the right
/// one, or one.
template <int kRowTiles, int kColumnTiles>
void add_products(const char* top, const char* bottom, std::int64_t row_bytes, const char* b) {
  _tile_loadd(6, b, kPanelRowBytes);
  _tile_loadd(4, top, row_bytes);
  _tile_dpbf16ps(0, 4, 6);
  if (kColumnTiles > 1) {
    _tile_loadd(7, b + kTileBytes, kPanelRowBytes);
    _tile_dpbf16ps(1, 4, 7);
  }
  if (kRowTiles > 1) {
    _tile_loadd(5, bottom, row_bytes);
    _tile_dpbf16ps(2, 5, 6);
    if (kColumnTiles > 1) _tile_dpbf16ps(3, 5, 7);
  }
}

/// Part of a factor that does not fill its tiles, with zeros in their other rows and columns.
struct alignas(64) Rest {
  char left[kBlockRows][kTileBytes];
  char right[kTilePairs][kPanelRowBytes];
};

class Multiplication {
 public:
  explicit Multiplication(const PairTapProduct& taps)
      : taps_(taps),
        p_(taps.product),
        tile_rows_(p_.num_rows < kTileRows ? p_.num_rows : kTileRows),
        tiles_(tile_rows_) {}

  void run() {
    const std::int64_t num_panels = (p_.num_columns + kColumns - 1) / kColumns;
    const std::int64_t num_blocks = (p_.num_rows + kBlockRows - 1) / kBlockRows;
    if (taps_.num_taps * p_.num_pairs * kPanelRowBytes > kLongPanelBytes) {
      // The rows stay in the first-level cache, and the panels pass by.
      for (std::int64_t block = 0; block < num_blocks; ++block) {
        for (std::int64_t panel = 0; panel < num_panels; ++panel) multiply(block, panel);
      }
    } else {
      for (std::int64_t panel = 0; panel < num_panels; ++panel) {
        for (std::int64_t block = 0; block < num_blocks; ++block) multiply(block, panel);
      }
    }
  }

 private:
  void multiply(std::int64_t block, std::int64_t panel) {
    const std::int64_t first = block * kBlockRows;
    const bool has_two = p_.num_rows - first > kTileRows;
    // The last tile ends with the last row, so it may compute rows of the one before once more.
    const std::int64_t last = p_.num_rows - tile_rows_;
    const std::int64_t rows[2] = {first < last ? first : last,
                                  first + kTileRows < last ? first + kTileRows : last};
    const std::int64_t columns = p_.num_columns - panel * kColumns;
    if (columns > kLanes) {
      has_two ? compute<2, 2>(rows, panel) : compute<1, 2>(rows, panel);
    } else {
      has_two ? compute<2, 1>(rows, panel) : compute<1, 1>(rows, panel);
    }
    finish_tile<0>(rows[0], first, panel, columns);
    if (has_two) finish_tile<1>(rows[1], first + kTileRows, panel, columns);
  }

  template <int kRowTiles, int kColumnTiles>
  void compute(const std::int64_t (&rows)[2], std::int64_t panel) {
    _tile_zero(0);
    if (kColumnTiles > 1) _tile_zero(1);
    if (kRowTiles > 1) _tile_zero(2);
    if (kRowTiles > 1 && kColumnTiles > 1) _tile_zero(3);
    const char* b = static_cast<const char*>(p_.b) + panel * p_.b_panel_bytes;
    const std::int64_t whole = p_.num_pairs / kTilePairs * kTilePairs;
    for (std::int64_t tap = 0; tap < taps_.num_taps; ++tap) {
      const char* const a = static_cast<const char*>(p_.a) + taps_.tap_bytes[tap];
      const char* top = a + rows[0] * p_.a_row_bytes;
      const char* bottom = a + rows[1] * p_.a_row_bytes;
      for (std::int64_t k = 0; k < whole; k += kTilePairs) {
        for (std::int64_t pair = kPairsAhead; pair < kPairsAhead + kTilePairs; ++pair) {
          _mm_prefetch(b + pair * kPanelRowBytes, _MM_HINT_T0);
          _mm_prefetch(b + pair * kPanelRowBytes + kTileBytes, _MM_HINT_T0);
        }
        add_products<kRowTiles, kColumnTiles>(top, bottom, p_.a_row_bytes, b);
        top += kTileBytes;
        bottom += kTileBytes;
        b += kTilePairs * kPanelRowBytes;
      }
      if (whole < p_.num_pairs) {
        Rest rest = {};
        const std::int64_t pairs = p_.num_pairs - whole;
        for (std::int64_t i = 0; i < tile_rows_; ++i) {
          const auto bytes = static_cast<std::size_t>(pairs * kPairBytes);
          __builtin_memcpy(rest.left[i], top + i * p_.a_row_bytes, bytes);
          if (kRowTiles > 1)
            __builtin_memcpy(rest.left[kTileRows + i], bottom + i * p_.a_row_bytes, bytes);
        }
        __builtin_memcpy(rest.right, b, static_cast<std::size_t>(pairs * kPanelRowBytes));
        write_to_memory(&rest);
        add_products<kRowTiles, kColumnTiles>(rest.left[0], rest.left[kTileRows], kTileBytes,
                                              rest.right[0]);
        write_to_memory(&rest);  // what is written there next waits for the loads
        b += pairs * kPanelRowBytes;
      }
    }
  }

  /// Writes the rows from `first` on of a tile that begins at `row`.
  template <int kRowTile>
  void finish_tile(std::int64_t row, std::int64_t first, std::int64_t panel, std::int64_t columns) {
    alignas(64) float sums[kTileRows][kColumns];
    if (kRowTile == 0) {
      _tile_stored(0, sums, sizeof(sums[0]));
      if (columns > kLanes) _tile_stored(1, &sums[0][kLanes], sizeof(sums[0]));
    } else {
      _tile_stored(2, sums, sizeof(sums[0]));
      if (columns > kLanes) _tile_stored(3, &sums[0][kLanes], sizeof(sums[0]));
    }
    const std::int64_t end = row + tile_rows_;
    if (columns < kColumns) {
      write_rows<true, false>(&sums[first - row], first, end, panel);
    } else if (p_.addend != nullptr) {
      write_rows<true, true>(&sums[first - row], first, end, panel);
    } else {
      write_rows<false, true>(&sums[first - row], first, end, panel);
    }
  }

  /// Writes rows first .. end-1 of the product. What is asked for each vector costs as much as the
  /// writing: without kMayAdd there is no addend, with kIsFull the panel has all of its columns.
  template <bool kMayAdd, bool kIsFull>
  void write_rows(const float (*sums)[kColumns], std::int64_t first, std::int64_t end,
                  std::int64_t panel) {
    std::int64_t c_row = first;
    std::int64_t until_border = end - first;  // rows, before the next one that is left out
    if (taps_.row_run > 0) {
      c_row -= first / (taps_.row_run + 1);
      until_border = taps_.row_run - first % (taps_.row_run + 1);
    }
    const std::int64_t at = c_row * p_.c_row_stride + panel * p_.c_panel_stride;
    Columns columns[2];
    for (int half = 0; half < 2; ++half) {
      const std::int64_t column = half * kLanes;
      columns[half].exist = existing(p_.num_columns - panel * kColumns, column);
      if (p_.bias != nullptr)
        columns[half].bias =
            _mm512_maskz_loadu_ps(columns[half].exist, p_.bias + panel * kColumns + column);
    }
    float* c = p_.c + at;
    const float* addend = p_.addend == nullptr ? nullptr : p_.addend + at;
    for (std::int64_t row = first; row < end; ++row, ++sums) {
      if (until_border-- == 0) {
        until_border = taps_.row_run;
        continue;
      }
      for (int half = 0; half < 2; ++half) {
        const __mmask16 exist = columns[half].exist;
        const std::int64_t column = half * kLanes;
        __m512 sum = _mm512_load_ps(*sums + column);
        if (p_.bias != nullptr) sum = _mm512_add_ps(sum, columns[half].bias);
        if (kMayAdd && addend != nullptr)
          sum = _mm512_add_ps(sum, kIsFull ? _mm512_loadu_ps(addend + column)
                                           : _mm512_maskz_loadu_ps(exist, addend + column));
        if (kIsFull) {
          _mm512_storeu_ps(c + column, sum);
        } else {
          _mm512_mask_storeu_ps(c + column, exist, sum);
        }
      }
      c += p_.c_row_stride;
      if (kMayAdd && addend != nullptr) addend += p_.c_row_stride;
    }
  }

  /// Half of a panel's.
  struct Columns {
    __mmask16 exist = 0;
    __m512 bias = _mm512_setzero_ps();
  };

  const PairTapProduct& taps_;
  const PairProduct& p_;
  std::int64_t tile_rows_;
  Tiles tiles_;
};

}  // namespace

void multiply_amx(const PairTapProduct& product) { Multiplication(product).run(); }

void multiply_amx(const PairBlockOfTaps& p) {
  const Tiles tiles(kTileRows);
  const auto row_bytes = static_cast<std::size_t>(p.c_row_stride) * sizeof(float);
  for (std::int64_t tap = 0; tap < p.num_taps; ++tap) {
    float* const upper = p.c + tap * p.c_tap_stride;
    float* const lower = upper + kTileRows * p.c_row_stride;
    if (p.accumulate) {
      _tile_loadd(0, upper, row_bytes);
      _tile_loadd(1, upper + kLanes, row_bytes);
      _tile_loadd(2, lower, row_bytes);
      _tile_loadd(3, lower + kLanes, row_bytes);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    const char* run = static_cast<const char*>(p.a) + p.tap_bytes[tap];
    const char* b = static_cast<const char*>(p.b);
    for (std::int64_t i = 0; i < p.num_runs; ++i, run += p.run_bytes) {
      const char* top = run;
      for (std::int64_t k = 0; k < p.num_tiles; ++k, top += kTileBytes) {
        add_products<2, 2>(top, top + kTileRows * p.a_row_bytes, p.a_row_bytes, b);
        b += kTilePairs * kPanelRowBytes;
      }
    }
    _tile_stored(0, upper, row_bytes);
    _tile_stored(1, upper + kLanes, row_bytes);
    _tile_stored(2, lower, row_bytes);
    _tile_stored(3, lower + kLanes, row_bytes);
  }
}

bool allow_amx() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // the state component XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace ddim::engine::cpu::bf16
