#include "io/tiff.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

/// The file in memory, as libtiff reads it, and what libtiff says of it.
struct Source {
  std::span<const std::byte> bytes;
  std::uint64_t at = 0;
  std::array<char, 160> error{};
  std::array<char, 160> warning{};  ///< the first of each
};

Source& source_of(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t take_bytes(thandle_t handle, void* out, tmsize_t size) {
  Source& source = source_of(handle);
  if (size < 0 || source.at > source.bytes.size()) return 0;
  const std::size_t count = std::min(static_cast<std::size_t>(size),
                                     source.bytes.size() - static_cast<std::size_t>(source.at));
  if (count > 0) std::memcpy(out, source.bytes.data() + source.at, count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return -1; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source& source = source_of(handle);
  source.at = whence == SEEK_SET   ? offset
              : whence == SEEK_CUR ? source.at + offset
                                   : source.bytes.size() + offset;
  return source.at;
}

int close_nothing(thandle_t) { return 0; }

toff_t size_of(thandle_t handle) { return source_of(handle).bytes.size(); }

/// libtiff reads from these bytes, and changes none. (A copy would be larger than the tile, for
/// which TIFFReadRGBAImageOriented refuses tiles that are not compressed.)
int map(thandle_t handle, void** begin, toff_t* size) {
  *begin = const_cast<std::byte*>(source_of(handle).bytes.data());
  *size = source_of(handle).bytes.size();
  return 1;
}

void unmap(thandle_t, void*, toff_t) {}

void keep_first(std::array<char, 160>& text, const char* format, va_list arguments) {
  if (text.front() == '\0') std::vsnprintf(text.data(), text.size(), format, arguments);
}

int on_error(TIFF*, void* source, const char*, const char* format, va_list arguments) {
  keep_first(static_cast<Source*>(source)->error, format, arguments);
  return 1;
}

int on_warning(TIFF*, void* source, const char*, const char* format, va_list arguments) {
  keep_first(static_cast<Source*>(source)->warning, format, arguments);
  return 1;
}

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
struct FreeOptions {
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

/// No part of a file within kMaxPixels needs more at once.
constexpr tmsize_t kMaxPartBytes = tmsize_t{1} << 30;

class TiffDecoder {
 public:
  TiffDecoder(std::span<const std::byte> bytes, const std::string& file_name,
              const PixelBudget& budget)
      : file_name_(file_name), budget_(budget), source_{.bytes = bytes} {
    const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
    if (options == nullptr) throw std::bad_alloc();
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source_);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source_);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxPartBytes);
    tiff_.reset(TIFFClientOpenExt("a TIFF", "r", &source_, take_bytes, write_nothing, seek,
                                  close_nothing, size_of, map, unmap, options.get()));
    if (tiff_ == nullptr) fail_file();
  }

  Picture decode() {
    width_ = field<std::uint32_t>(TIFFTAG_IMAGEWIDTH);
    height_ = field<std::uint32_t>(TIFFTAG_IMAGELENGTH);
    check_size(width_, height_, file_name_, budget_);
    bits_ = field<std::uint16_t>(TIFFTAG_BITSPERSAMPLE);
    samples_ = field<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL);
    photometric_ = field<std::uint16_t>(TIFFTAG_PHOTOMETRIC);
    const auto format = field<std::uint16_t>(TIFFTAG_SAMPLEFORMAT);
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID) {
      fail_file(bits_,
                "-bit floats or signed numbers, whose black and white are not known; "
                "convert it to 8 or 16 bits");
    }
    const std::uint16_t orientation = field<std::uint16_t>(TIFFTAG_ORIENTATION);
    AnyImage image;
    if (keeps_samples()) {
      image = bits_ == 16 ? AnyImage(read_samples(DeepImage())) : AnyImage(read_samples(Image()));
    } else {
      image = read_shown();
    }
    return {.image = upright(std::move(image), orientation), .warning = source_.warning.data()};
  }

 private:
  template <class... Parts>
  [[noreturn]] void fail_file(const Parts&... parts) const {
    const char* said = source_.error.front() != '\0' ? source_.error.data() : "it is damaged";
    if constexpr (sizeof...(parts) == 0) {
      fail(ErrorCode::corrupt, file_name_, ": not a readable TIFF: ", said);
    } else {
      fail(ErrorCode::corrupt, file_name_, ": a TIFF of ", parts...);
    }
  }

  /// The tag's value, or TIFF's default; 0 where there is none.
  template <class Number>
  Number field(std::uint32_t tag) const {
    Number value = 0;
    TIFFGetFieldDefaulted(tiff_.get(), tag, &value);
    return value;
  }

  std::int64_t num_colours() const { return photometric_ == PHOTOMETRIC_RGB ? 3 : 1; }

  /// Whether the samples are bytes or 16-bit numbers of grey or RGB, to be taken as they are.
  bool keeps_samples() const {
    const bool is_grey =
        photometric_ == PHOTOMETRIC_MINISBLACK || photometric_ == PHOTOMETRIC_MINISWHITE;
    return (is_grey || photometric_ == PHOTOMETRIC_RGB) && (bits_ == 8 || bits_ == 16) &&
           samples_ >= num_colours() && samples_ <= 16;
  }

  template <class AnImage>
  AnImage read_samples(AnImage image) {
    using Sample = typename decltype(AnImage::pixels)::value_type;
    const std::int64_t colours = num_colours();
    std::uint16_t num_extra = 0;
    const std::uint16_t* extra = nullptr;
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_EXTRASAMPLES, &num_extra, &extra);
    const bool has_alpha = samples_ > colours && num_extra > 0 && extra != nullptr &&
                           extra[0] != EXTRASAMPLE_UNSPECIFIED;
    const bool is_multiplied = has_alpha && extra[0] == EXTRASAMPLE_ASSOCALPHA;
    image.width = width_;
    image.height = height_;
    image.channels = colours + (has_alpha ? 1 : 0);
    image.pixels.resize(image.num_samples());
    if (TIFFIsTiled(tiff_.get()) != 0) {
      read_tiles(image);
    } else {
      read_rows(image);
    }
    constexpr std::uint32_t kLargest = std::numeric_limits<Sample>::max();
    const auto step = static_cast<std::size_t>(image.channels);
    for (std::size_t at = 0; at < image.pixels.size(); at += step) {
      for (std::size_t c = 0; c < static_cast<std::size_t>(colours); ++c) {
        Sample& sample = image.pixels[at + c];
        if (photometric_ == PHOTOMETRIC_MINISWHITE) sample = static_cast<Sample>(kLargest - sample);
        if (!is_multiplied) continue;
        const std::uint64_t alpha = image.pixels[at + step - 1];
        if (alpha != 0)
          sample = static_cast<Sample>(
              std::min<std::uint64_t>(sample * std::uint64_t{kLargest} / alpha, kLargest));
      }
    }
    return image;
  }

  bool is_separate() const {
    return field<std::uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
  }

  /// Copies `count` pixels of a row that libtiff gave into the picture: all channels of a plane
  /// that holds all, else the channel `plane`.
  template <class AnImage>
  void put(AnImage& image, const std::vector<std::byte>& buffer, std::size_t first_sample,
           std::int64_t row, std::int64_t column, std::int64_t count, std::int64_t plane) const {
    using Sample = typename decltype(AnImage::pixels)::value_type;
    const bool separate = is_separate();
    const std::int64_t step = separate ? 1 : samples_;
    const std::int64_t channels = separate ? 1 : image.channels;
    for (std::int64_t x = 0; x < count; ++x) {
      const std::int64_t to = (row * image.width + column + x) * image.channels + plane;
      std::memcpy(
          &image.pixels[static_cast<std::size_t>(to)],
          buffer.data() + (first_sample + static_cast<std::size_t>(x * step)) * sizeof(Sample),
          static_cast<std::size_t>(channels) * sizeof(Sample));
    }
  }

  template <class AnImage>
  void read_rows(AnImage& image) {
    using Sample = typename decltype(AnImage::pixels)::value_type;
    const tmsize_t row_bytes = TIFFScanlineSize(tiff_.get());
    const auto needed = static_cast<tmsize_t>(width_ * (is_separate() ? 1 : samples_) *
                                              static_cast<std::int64_t>(sizeof(Sample)));
    if (row_bytes < needed || row_bytes > kMaxPartBytes) fail_file();
    std::vector<std::byte> row(static_cast<std::size_t>(row_bytes));
    const std::int64_t planes = is_separate() ? image.channels : 1;
    for (std::int64_t plane = 0; plane < planes; ++plane) {
      for (std::int64_t y = 0; y < height_; ++y) {
        if (TIFFReadScanline(tiff_.get(), row.data(), static_cast<std::uint32_t>(y),
                             static_cast<std::uint16_t>(plane)) < 0)
          fail_file();
        put(image, row, 0, y, 0, width_, plane);
      }
    }
  }

  /// What lies outside of the picture is decoded, too: it may not be much more than the picture.
  void check_tile_size(std::int64_t width, std::int64_t height) {
    constexpr std::int64_t kLargeTile = 1024 * 1024;
    check_size(width, height, file_name_,
               {.most = std::min(kMaxPixels, 4 * std::max(width_ * height_, kLargeTile))});
  }

  template <class AnImage>
  void read_tiles(AnImage& image) {
    using Sample = typename decltype(AnImage::pixels)::value_type;
    const std::int64_t tile_width = field<std::uint32_t>(TIFFTAG_TILEWIDTH);
    const std::int64_t tile_height = field<std::uint32_t>(TIFFTAG_TILELENGTH);
    check_tile_size(tile_width, tile_height);
    const tmsize_t tile_bytes = TIFFTileSize(tiff_.get());
    const std::int64_t row_samples = tile_width * (is_separate() ? 1 : samples_);
    if (tile_bytes > kMaxPartBytes ||
        tile_bytes < row_samples * tile_height * static_cast<std::int64_t>(sizeof(Sample)))
      fail_file();
    std::vector<std::byte> tile(static_cast<std::size_t>(tile_bytes));
    const std::int64_t planes = is_separate() ? image.channels : 1;
    for (std::int64_t plane = 0; plane < planes; ++plane) {
      for (std::int64_t top = 0; top < height_; top += tile_height) {
        for (std::int64_t left = 0; left < width_; left += tile_width) {
          if (TIFFReadTile(tiff_.get(), tile.data(), static_cast<std::uint32_t>(left),
                           static_cast<std::uint32_t>(top), 0,
                           static_cast<std::uint16_t>(plane)) < 0)
            fail_file();
          const std::int64_t count = std::min(tile_width, width_ - left);
          for (std::int64_t y = top; y < std::min(height_, top + tile_height); ++y)
            put(image, tile, static_cast<std::size_t>((y - top) * row_samples), y, left, count,
                plane);
        }
      }
    }
  }

  /// What libtiff shows of palettes, fewer bits, CMYK and YCbCr: 8-bit RGB. It is asked for the
  /// picture as it is stored, for it to be turned here.
  Image read_shown() {
    if (TIFFIsTiled(tiff_.get()) != 0)
      check_tile_size(field<std::uint32_t>(TIFFTAG_TILEWIDTH),
                      field<std::uint32_t>(TIFFTAG_TILELENGTH));
    std::array<char, 1024> reason{};
    if (TIFFRGBAImageOK(tiff_.get(), reason.data()) == 0) {
      fail(ErrorCode::corrupt, file_name_, ": a TIFF that is not read: ", reason.data());
    }
    std::vector<std::uint32_t> raster(static_cast<std::size_t>(width_ * height_));
    const int stored = std::clamp<int>(field<std::uint16_t>(TIFFTAG_ORIENTATION), 1, 8);
    TIFFSetField(tiff_.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    const int done = TIFFReadRGBAImageOriented(tiff_.get(), static_cast<std::uint32_t>(width_),
                                               static_cast<std::uint32_t>(height_), raster.data(),
                                               ORIENTATION_TOPLEFT, 1);
    TIFFSetField(tiff_.get(), TIFFTAG_ORIENTATION, stored);
    if (done == 0) fail_file();
    const bool is_grey =
        photometric_ == PHOTOMETRIC_MINISBLACK || photometric_ == PHOTOMETRIC_MINISWHITE;
    Image image{width_, height_, is_grey ? 1 : 3, {}};
    image.pixels.resize(image.num_samples());
    std::uint8_t* to = image.pixels.data();
    for (const std::uint32_t pixel : raster) {
      *to++ = static_cast<std::uint8_t>(TIFFGetR(pixel));
      if (is_grey) continue;
      *to++ = static_cast<std::uint8_t>(TIFFGetG(pixel));
      *to++ = static_cast<std::uint8_t>(TIFFGetB(pixel));
    }
    return image;
  }

  const std::string& file_name_;
  const PixelBudget budget_;
  Source source_;
  std::unique_ptr<TIFF, CloseTiff> tiff_;
  std::int64_t width_ = 0, height_ = 0;
  std::uint16_t bits_ = 0, samples_ = 0, photometric_ = 0;
};

}  // namespace

bool has_tiff() noexcept { return true; }

Picture decode_tiff(std::span<const std::byte> bytes, const std::string& file_name,
                    const PixelBudget& budget) {
  return TiffDecoder(bytes, file_name, budget).decode();
}

}  // namespace ddim::engine::io
