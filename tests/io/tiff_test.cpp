#include "io/tiff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "io/picture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using ddim::test::TemporaryFolder;
using ::testing::HasSubstr;

struct Layout {
  std::uint16_t bits = 8, samples = 1, photometric = PHOTOMETRIC_MINISBLACK;
  int extra = -1;  ///< what the last sample is; -1: a colour
  bool is_separate = false;
  std::uint32_t tile_width = 0, tile_height = 0;  ///< 0: rows
  const char* mode = "w";                         ///< "wb": big-endian
  std::uint16_t compression = COMPRESSION_NONE;
};

constexpr std::uint32_t kWidth = 37, kHeight = 21;

std::string name_of(const Layout& layout) {
  return std::to_string(layout.bits) + " bits, " + std::to_string(layout.samples) +
         " samples, photometric " + std::to_string(layout.photometric) + ", extra " +
         std::to_string(layout.extra) + (layout.is_separate ? ", separate, " : ", ") +
         std::to_string(layout.tile_width) + "x" + std::to_string(layout.tile_height);
}

/// Samples (height, width, samples) of a picture, of which alpha is 0 in places.
template <class Sample>
std::vector<Sample> some_samples(const Layout& layout) {
  std::mt19937 random(layout.bits + layout.samples);
  std::vector<Sample> samples(std::size_t{kWidth} * kHeight * layout.samples);
  for (Sample& sample : samples) sample = static_cast<Sample>(random());
  if (layout.extra >= 0)
    for (std::size_t at = layout.samples - 1; at < samples.size(); at += 5 * layout.samples)
      samples[at] = 0;
  return samples;
}

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

/// Written by libtiff.
template <class Sample>
void write_tiff(const std::filesystem::path& path, const Layout& layout,
                const std::vector<Sample>& samples) {
  const std::unique_ptr<TIFF, CloseTiff> owner(TIFFOpen(path.c_str(), layout.mode));
  TIFF* const tiff = owner.get();
  ASSERT_NE(tiff, nullptr);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, kWidth);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, kHeight);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, layout.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, layout.samples);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, layout.photometric);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
               layout.is_separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, layout.compression);
  if (layout.extra >= 0) {
    const auto extra = static_cast<std::uint16_t>(layout.extra);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &extra);
  }
  if (layout.photometric == PHOTOMETRIC_PALETTE) {
    std::array<std::uint16_t, 256> red, green, blue;
    for (std::uint16_t i = 0; i < 256; ++i) {
      red[i] = static_cast<std::uint16_t>(i * 257);
      green[i] = static_cast<std::uint16_t>((255 - i) * 257);
      blue[i] = static_cast<std::uint16_t>((i ^ 0x55) * 257);
    }
    TIFFSetField(tiff, TIFFTAG_COLORMAP, red.data(), green.data(), blue.data());
  }
  const bool is_tiled = layout.tile_width > 0;
  if (is_tiled) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, layout.tile_width);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, layout.tile_height);
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 4);
  }
  const std::uint32_t width = is_tiled ? layout.tile_width : kWidth;
  const std::uint32_t height = is_tiled ? layout.tile_height : 1;
  const std::size_t planes = layout.is_separate ? layout.samples : 1;
  const std::size_t in_plane = layout.samples / planes;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    for (std::uint32_t top = 0; top < kHeight; top += height) {
      for (std::uint32_t left = 0; left < kWidth; left += width) {
        std::vector<Sample> part(std::size_t{width} * height * in_plane, Sample{77});
        for (std::uint32_t y = 0; y < std::min(height, kHeight - top); ++y)
          for (std::uint32_t x = 0; x < std::min(width, kWidth - left); ++x)
            for (std::size_t c = 0; c < in_plane; ++c)
              part[(std::size_t{y} * width + x) * in_plane + c] =
                  samples[(std::size_t{top + y} * kWidth + left + x) * layout.samples + plane + c];
        const auto number = static_cast<std::uint16_t>(plane);
        if (is_tiled)
          ASSERT_GT(TIFFWriteTile(tiff, part.data(), left, top, 0, number), 0);
        else
          ASSERT_EQ(TIFFWriteScanline(tiff, part.data(), top, number), 1);
      }
    }
  }
}

/// What the samples mean, by the TIFF specification (6.0, sections 4 to 8 and 18).
template <class Picture, class Sample>
Picture expected_picture(const Layout& layout, const std::vector<Sample>& samples) {
  constexpr std::uint64_t kLargest = std::numeric_limits<Sample>::max();
  const std::size_t colours = layout.photometric == PHOTOMETRIC_RGB ? 3 : 1;
  const bool has_alpha = layout.extra > EXTRASAMPLE_UNSPECIFIED;
  Picture picture{kWidth, kHeight, static_cast<std::int64_t>(colours + (has_alpha ? 1 : 0)), {}};
  for (std::size_t at = 0; at < samples.size(); at += layout.samples) {
    for (std::size_t c = 0; c < colours; ++c) {
      std::uint64_t value = samples[at + c];
      if (layout.photometric == PHOTOMETRIC_MINISWHITE) value = kLargest - value;
      const std::uint64_t alpha = samples[at + layout.samples - 1];
      if (layout.extra == EXTRASAMPLE_ASSOCALPHA && alpha != 0)
        value = std::min(value * kLargest / alpha, kLargest);
      picture.pixels.push_back(static_cast<Sample>(value));
    }
    if (has_alpha) picture.pixels.push_back(samples[at + layout.samples - 1]);
  }
  return picture;
}

template <class Picture, class Sample>
void expect_read_as_written(const std::filesystem::path& path, const Layout& layout) {
  const std::vector<Sample> samples = some_samples<Sample>(layout);
  write_tiff(path, layout, samples);
  EXPECT_EQ(std::get<Picture>(read_picture(path).image),
            (expected_picture<Picture, Sample>(layout, samples)))
      << name_of(layout);
}

TEST(Tiff, RowsAndTilesOfEveryKindAreReadAsTheyWereWritten) {
  const TemporaryFolder folder;
  const std::array<Layout, 7> kinds{
      {{.samples = 1},
       {.samples = 1, .photometric = PHOTOMETRIC_MINISWHITE},
       {.samples = 2, .extra = EXTRASAMPLE_UNASSALPHA},
       {.samples = 3, .photometric = PHOTOMETRIC_RGB},
       {.samples = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_UNASSALPHA},
       {.samples = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_ASSOCALPHA},
       {.samples = 4, .photometric = PHOTOMETRIC_RGB, .extra = EXTRASAMPLE_UNSPECIFIED}}};
  for (Layout layout : kinds) {
    for (const bool is_separate : {false, true}) {
      for (const auto& [width, height] :
           {std::pair(0U, 0U), std::pair(16U, 16U), std::pair(48U, 16U)}) {
        for (const char* mode : {"w", "wb"}) {
          layout.is_separate = is_separate;
          layout.tile_width = width;
          layout.tile_height = height;
          layout.mode = mode;
          layout.bits = 8;
          expect_read_as_written<Image, std::uint8_t>(folder / "a.tif", layout);
          layout.bits = 16;
          expect_read_as_written<DeepImage, std::uint16_t>(folder / "a.tif", layout);
        }
      }
    }
  }
}

TEST(Tiff, TilesOfAPaletteAreItsColours) {
  const TemporaryFolder folder;
  const Layout layout{.photometric = PHOTOMETRIC_PALETTE, .tile_width = 32, .tile_height = 16};
  const std::vector<std::uint8_t> samples = some_samples<std::uint8_t>(layout);
  write_tiff(folder / "a.tif", layout, samples);
  Image expected{kWidth, kHeight, 3, {}};
  for (const std::uint8_t index : samples)
    for (const int value : {int{index}, 255 - index, index ^ 0x55})
      expected.pixels.push_back(static_cast<std::uint8_t>(value));
  EXPECT_EQ(std::get<Image>(read_picture(folder / "a.tif").image), expected);
}

// A tile of a small picture that would take much memory.
TEST(Tiff, TilesMuchLargerThanThePictureAreRefused) {
  const TemporaryFolder folder;
  for (const bool is_shown : {false, true}) {
    const std::uint16_t photometric = is_shown ? PHOTOMETRIC_PALETTE : PHOTOMETRIC_MINISBLACK;
    const Layout layout{.photometric = photometric, .tile_width = 4096, .tile_height = 1024};
    write_tiff(folder / "a.tif", layout, some_samples<std::uint8_t>(layout));
    read_picture(folder / "a.tif");
    const Layout larger{.photometric = photometric, .tile_width = 4096, .tile_height = 1040};
    write_tiff(folder / "b.tif", larger, some_samples<std::uint8_t>(larger));
    expect_error(ErrorCode::corrupt, HasSubstr("4096x1040"),
                 [&] { read_picture(folder / "b.tif"); });
  }
}

// Compressed parts that cannot be decompressed, of rows and of tiles.
TEST(Tiff, DamagedPartsAreAnError) {
  const TemporaryFolder folder;
  for (const std::uint32_t tile : {0U, 16U}) {
    const Layout layout{.tile_width = tile, .tile_height = tile, .compression = COMPRESSION_LZW};
    write_tiff(folder / "a.tif", layout, some_samples<std::uint8_t>(layout));
    std::string file = ddim::test::read_text(folder / "a.tif");
    constexpr std::size_t kHeaderBytes = 8;  // the first part lies behind it
    std::fill_n(file.begin() + kHeaderBytes, 64, '\x55');
    ddim::test::write_text(folder / "a.tif", file);
    expect_error(ErrorCode::corrupt, HasSubstr("a.tif: not a readable TIFF"),
                 [&] { read_picture(folder / "a.tif"); });
  }
}

}  // namespace
}  // namespace ddim::engine::io
