#include "io/bmp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

using Bytes = std::span<const std::byte>;
using Rgb = std::array<std::uint8_t, 3>;

enum class Compression : std::uint32_t {
  none = 0,
  runs_of_8 = 1,
  runs_of_4 = 2,
  masks = 3,
  masks_and_alpha = 6,
};

/// The bits of a pixel that hold a channel, and how to widen them to 8.
class Mask {
 public:
  explicit Mask(std::uint32_t bits) : bits_(bits), shift_(bits == 0 ? 0 : std::countr_zero(bits)) {}

  bool is_empty() const { return bits_ == 0; }
  std::uint8_t of(std::uint32_t pixel) const {
    const std::uint64_t largest = bits_ >> shift_;
    if (largest == 0) return 0;
    const std::uint64_t value = (pixel & bits_) >> shift_;
    return static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
  }

 private:
  std::uint32_t bits_;
  int shift_;
};

class BmpDecoder {
 public:
  BmpDecoder(Bytes bytes, const std::string& file_name, const PixelBudget& budget)
      : bytes_(bytes), file_name_(file_name), budget_(budget) {}

  Picture decode() {
    read_header();
    // Before memory is taken: the last rows must be there.
    if (compression_ != Compression::runs_of_8 && compression_ != Compression::runs_of_4) {
      row(0);
      row(height_ - 1);
    }
    Image image = bits_ <= 8 ? from_palette() : from_pixels();
    return {.image = std::move(image)};
  }

 private:
  template <class... Parts>
  [[noreturn]] void fail_file(const Parts&... parts) const {
    fail(ErrorCode::corrupt, file_name_, ": not a readable BMP: ", parts...);
  }

  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail_file("the file ends early");
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;)
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at + i]);
    return value;
  }
  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

  void read_header() {
    constexpr std::size_t kFileHeader = 14, kCoreHeader = 12, kInfoHeader = 40;
    pixels_at_ = u32(10);
    const std::size_t header = u32(kFileHeader);
    const bool is_core = header == kCoreHeader;
    std::int64_t height;
    if (is_core) {
      width_ = u16(18);
      height = u16(20);
      bits_ = u16(24);
    } else {
      width_ = static_cast<std::int32_t>(u32(18));
      height = static_cast<std::int32_t>(u32(22));
      bits_ = u16(28);
      if (header >= 20) compression_ = static_cast<Compression>(u32(30));
    }
    // Rows go up unless the height is negative.
    goes_up_ = height >= 0;
    height_ = goes_up_ ? height : -height;
    check_size(width_, height_, file_name_, budget_);
    constexpr std::uint32_t kDepths[] = {1, 2, 4, 8, 16, 24, 32};
    if (std::ranges::find(kDepths, bits_) == std::end(kDepths))
      fail_file(bits_, " bits per pixel; expected 1, 2, 4, 8, 16, 24 or 32");

    const bool has_masks =
        compression_ == Compression::masks || compression_ == Compression::masks_and_alpha;
    const bool has_runs = (compression_ == Compression::runs_of_8 && bits_ == 8) ||
                          (compression_ == Compression::runs_of_4 && bits_ == 4);
    const bool fits = compression_ == Compression::none || has_runs ||
                      (has_masks && (bits_ == 16 || bits_ == 32));
    if (!fits)
      fail_file("compression ", static_cast<std::uint32_t>(compression_), " of ", bits_,
                " bits per pixel; convert it to PNG");

    // Masks are part of longer headers, and follow one of 40 bytes.
    std::size_t after_header = kFileHeader + header;
    if (has_masks) {
      const std::size_t masks_at = kFileHeader + kInfoHeader;
      for (std::size_t c = 0; c < 3; ++c) masks_[c] = Mask(u32(masks_at + 4 * c));
      const bool has_fourth = header >= 56 || compression_ == Compression::masks_and_alpha;
      if (has_fourth) masks_[3] = Mask(u32(masks_at + 12));
      if (header == kInfoHeader) after_header += has_fourth ? 16 : 12;
      // Without any, 32 bits are as they are without masks.
      if (!has_colour_masks() && (bits_ == 16 || !masks_[3].is_empty()))
        fail_file("the masks of its colours are empty");
    } else if (bits_ == 16) {
      masks_ = {Mask(0x7C00), Mask(0x03E0), Mask(0x001F), Mask(0)};
    }
    if (bits_ <= 8) {
      const std::size_t largest = std::size_t{1} << bits_;
      const std::size_t said = is_core || header < 36 ? 0 : u32(46);
      read_palette(after_header, said == 0 ? largest : std::min(said, largest), is_core ? 3 : 4);
    }
  }

  void read_palette(std::size_t at, std::size_t count, std::size_t entry_bytes) {
    for (std::size_t i = 0; i < count; ++i, at += entry_bytes) {
      // A palette that is shorter than its header says ends where the pixels begin.
      if (at + entry_bytes > pixels_at_ && pixels_at_ > at - i * entry_bytes) break;
      const std::uint32_t colour = number(at, 3);
      palette_.push_back({static_cast<std::uint8_t>(colour >> 16),
                          static_cast<std::uint8_t>(colour >> 8),
                          static_cast<std::uint8_t>(colour)});
    }
  }

  bool has_colour_masks() const {
    return !masks_[0].is_empty() || !masks_[1].is_empty() || !masks_[2].is_empty();
  }

  std::size_t row_bytes() const { return (static_cast<std::size_t>(width_) * bits_ + 31) / 32 * 4; }

  /// The bytes of a row as it is to be seen from the top.
  Bytes row(std::int64_t y) const {
    const auto stored = static_cast<std::size_t>(goes_up_ ? height_ - 1 - y : y);
    const std::size_t at = pixels_at_ + stored * row_bytes();
    // The last row may lack what fills it up.
    const std::size_t needed = (static_cast<std::size_t>(width_) * bits_ + 7) / 8;
    if (at > bytes_.size() || needed > bytes_.size() - at) fail_file("the file ends early");
    return bytes_.subspan(at, needed);
  }

  std::vector<std::uint8_t> plain_indices() const {
    std::vector<std::uint8_t> indices;
    indices.reserve(static_cast<std::size_t>(width_ * height_));
    const std::size_t per_byte = 8 / bits_;
    for (std::int64_t y = 0; y < height_; ++y) {
      const Bytes bytes = row(y);
      for (std::size_t x = 0; x < static_cast<std::size_t>(width_); ++x) {
        const std::size_t shift = bits_ * (per_byte - 1 - x % per_byte);
        const auto byte = std::to_integer<std::uint32_t>(bytes[x / per_byte]);
        indices.push_back(static_cast<std::uint8_t>(byte >> shift & ((1U << bits_) - 1)));
      }
    }
    return indices;
  }

  /// Pixels that no run names are 0.
  std::vector<std::uint8_t> indices_of_runs() const {
    std::vector<std::uint8_t> indices(static_cast<std::size_t>(width_ * height_));
    std::int64_t x = 0, line = 0;
    const auto put = [&](std::uint32_t index) {
      if (x < width_ && line < height_) {
        const std::int64_t y = goes_up_ ? height_ - 1 - line : line;
        indices[static_cast<std::size_t>(y * width_ + x)] = static_cast<std::uint8_t>(index);
      }
      ++x;
    };
    const bool halves = bits_ == 4;
    const auto half = [](std::uint32_t byte, std::size_t i) {
      return i % 2 == 0 ? byte >> 4 : byte & 15;
    };
    std::size_t at = pixels_at_;
    while (line < height_) {
      const std::uint32_t count = number(at, 1), value = number(at + 1, 1);
      at += 2;
      if (count > 0) {
        for (std::size_t i = 0; i < count; ++i) put(halves ? half(value, i) : value);
      } else if (value == 0) {  // end of the line
        x = 0;
        ++line;
      } else if (value == 1) {  // end of the picture
        break;
      } else if (value == 2) {
        x += number(at, 1);
        line += number(at + 1, 1);
        at += 2;
      } else {
        for (std::size_t i = 0; i < value; ++i)
          put(halves ? half(number(at + i / 2, 1), i) : number(at + i, 1));
        const std::size_t size = halves ? (value + 1) / 2 : value;
        at += size + size % 2;
      }
    }
    return indices;
  }

  Image from_palette() const {
    const std::vector<std::uint8_t> indices =
        compression_ == Compression::none ? plain_indices() : indices_of_runs();
    const bool is_grey = std::ranges::all_of(
        palette_, [](const Rgb& rgb) { return rgb[0] == rgb[1] && rgb[1] == rgb[2]; });
    Image image{width_, height_, is_grey ? 1 : 3, {}};
    image.pixels.resize(image.num_samples());
    std::array<Rgb, 256> colours{};  // black where the palette ends early
    std::ranges::copy(palette_, colours.begin());
    const auto channels = static_cast<std::size_t>(image.channels);
    for (std::size_t i = 0; i < indices.size(); ++i)
      std::copy_n(colours[indices[i]].begin(), channels, &image.pixels[i * channels]);
    return image;
  }

  Image from_pixels() const {
    const bool has_alpha = !masks_[3].is_empty();
    const bool has_masks = has_colour_masks();
    Image image{width_, height_, has_alpha ? 4 : 3, {}};
    image.pixels.reserve(image.num_samples());
    const std::size_t pixel_bytes = bits_ / 8;
    for (std::int64_t y = 0; y < height_; ++y) {
      const Bytes bytes = row(y);
      for (std::size_t x = 0; x < static_cast<std::size_t>(width_); ++x) {
        std::uint32_t pixel = 0;
        for (std::size_t i = pixel_bytes; i-- > 0;)
          pixel = pixel << 8 | std::to_integer<std::uint32_t>(bytes[x * pixel_bytes + i]);
        for (std::size_t c = 0; c < static_cast<std::size_t>(image.channels); ++c) {
          image.pixels.push_back(has_masks ? masks_[c].of(pixel)
                                           : static_cast<std::uint8_t>(pixel >> (16 - 8 * c)));
        }
      }
    }
    return image;
  }

  Bytes bytes_;
  const std::string& file_name_;
  const PixelBudget budget_;
  std::size_t pixels_at_ = 0;
  std::int64_t width_ = 0, height_ = 0;
  bool goes_up_ = true;
  std::uint32_t bits_ = 0;
  Compression compression_ = Compression::none;
  std::array<Mask, 4> masks_{Mask(0), Mask(0), Mask(0), Mask(0)};  // R, G, B, alpha
  std::vector<Rgb> palette_;
};

}  // namespace

Picture decode_bmp(std::span<const std::byte> bytes, const std::string& file_name,
                   const PixelBudget& budget) {
  return BmpDecoder(bytes, file_name, budget).decode();
}

}  // namespace ddim::engine::io
