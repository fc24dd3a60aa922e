#include "io/png.h"

#include <ddim/json.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file_input.h"
#include "io/png_chunks.h"

namespace ddim::engine::io {
namespace {

/// libpng reports errors by longjmp, which must not pass over an object that has a destructor. So
/// every call of libpng is made inside `guarded(png, work)`: `work` and what it calls make no such
/// object, and the error becomes an exception after the jump has ended.
struct Messages {
  std::array<char, 128> error{};
  std::array<char, 128> warning{};  ///< the first
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto& messages = *static_cast<Messages*>(png_get_error_ptr(png));
  std::strncpy(messages.error.data(), message, messages.error.size() - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp png, png_const_charp message) {
  auto& warning = static_cast<Messages*>(png_get_error_ptr(png))->warning;
  if (warning.front() == '\0') std::strncpy(warning.data(), message, warning.size() - 1);
}

template <class Work>
bool guarded(png_structp png, const Work& work) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  work();
  return true;
}

// ------------------------------------------------------------------------------------- reading

struct ByteSource {
  std::span<const std::span<const std::byte>> pieces;
  std::span<const std::byte> rest;  ///< of the piece before them
};

void take_bytes(png_structp png, png_bytep out, std::size_t size) {
  auto& source = *static_cast<ByteSource*>(png_get_io_ptr(png));
  while (size > 0) {
    if (source.rest.empty()) {
      if (source.pieces.empty()) png_error(png, "the file ends early");
      source.rest = source.pieces.front();
      source.pieces = source.pieces.subspan(1);
    }
    const std::size_t count = std::min(size, source.rest.size());
    std::copy_n(reinterpret_cast<const png_byte*>(source.rest.data()), count, out);
    source.rest = source.rest.subspan(count);
    out += count;
    size -= count;
  }
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& file_name, const PixelBudget& budget)
      : file_name_(file_name),
        budget_(budget),
        chosen_(choose_png_pieces(bytes)),
        source_{.pieces = chosen_.pieces, .rest = {}} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &messages_, on_error, on_warning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  template <class Work>
  void run(const Work& work) {
    if (!guarded(png_, work)) fail_file("not a readable PNG: ", messages_.error.data());
  }

  Picture read_picture() {
    if (!chosen_.damage.empty()) fail_file("not a readable PNG: ", chosen_.damage);
    run([this] {
      png_set_read_fn(png_, &source_, take_bytes);
      png_set_benign_errors(png_, 1);
      png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
      png_set_chunk_cache_max(png_, 64);
      png_set_chunk_malloc_max(png_, 1 << 20);
      png_read_info(png_, info_);
    });
    check_size(png_get_image_width(png_, info_), png_get_image_height(png_, info_), file_name_,
               budget_);
    AnyImage image = png_get_bit_depth(png_, info_) == 16 ? AnyImage(read_pixels(DeepImage()))
                                                          : AnyImage(read_pixels(Image()));
    return {.image = upright(std::move(image), chosen_.orientation),
            .warning = chosen_.warning.empty() ? messages_.warning.data() : chosen_.warning};
  }

  PngText read_text() {
    png_textp entries = nullptr;
    int count = 0;
    run([&] { png_get_text(png_, info_, &entries, &count); });
    PngText text;
    for (const png_text& entry : std::span(entries, static_cast<std::size_t>(count))) {
      const bool utf8 = entry.compression >= PNG_ITXT_COMPRESSION_NONE;
      const std::size_t size = utf8 ? entry.itxt_length : entry.text_length;
      const std::string_view value(entry.text == nullptr ? "" : entry.text, size);
      text[from_latin1(entry.key)] = utf8 ? std::string(value) : from_latin1(value);
    }
    return text;
  }

 private:
  template <class... Parts>
  [[noreturn]] void fail_file(const Parts&... parts) const {
    fail(ErrorCode::corrupt, file_name_, ": ", parts...);
  }

  static std::string from_latin1(std::string_view text) {
    std::string utf8;
    for (const char c : text) {
      const auto code = static_cast<unsigned char>(c);
      if (code < 0x80) {
        utf8 += c;
      } else {
        utf8 += static_cast<char>(0xC0 | code >> 6);
        utf8 += static_cast<char>(0x80 | (code & 0x3F));
      }
    }
    return utf8;
  }

  /// Of the kind of `image`, which is empty.
  template <class AnImage>
  AnImage read_pixels(AnImage image) {
    run([this] {
      png_set_expand(png_);
      if (std::endian::native == std::endian::little) png_set_swap(png_);  // 16 bits only
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    image.width = png_get_image_width(png_, info_);
    image.height = png_get_image_height(png_, info_);
    image.channels = png_get_channels(png_, info_);
    image.pixels.resize(image.num_samples());
    std::vector<png_bytep> rows;
    const auto row_samples = static_cast<std::size_t>(image.width * image.channels);
    for (std::size_t at = 0; at < image.pixels.size(); at += row_samples)
      rows.push_back(reinterpret_cast<png_bytep>(&image.pixels[at]));
    run([this, row_pointers = rows.data()] {
      png_read_image(png_, row_pointers);
      png_read_end(png_, info_);
    });
    return image;
  }

  const std::string& file_name_;
  const PixelBudget budget_;
  PngPieces chosen_;
  ByteSource source_;
  Messages messages_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

// ------------------------------------------------------------------------------------- writing

void append_bytes(png_structp png, png_bytep bytes, std::size_t size) {
  auto& out = *static_cast<std::vector<std::byte>*>(png_get_io_ptr(png));
  bool done = false;
  try {
    const auto* first = reinterpret_cast<const std::byte*>(bytes);
    out.insert(out.end(), first, first + size);
    done = true;
  } catch (const std::exception&) {
  }
  if (!done) png_error(png, "out of memory");
}

void flush_nothing(png_structp) {}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

void require_text(const std::string& keyword, const std::string& value) {
  const bool printable =
      std::all_of(keyword.begin(), keyword.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  require(!keyword.empty() && keyword.size() <= 79 && printable && keyword.front() != ' ' &&
              keyword.back() != ' ' && keyword.find("  ") == std::string::npos,
          "a PNG text keyword has 1..79 printable ASCII characters and single spaces inside, not ",
          keyword.size(), " such as \"", printable ? keyword : "?", "\"");
  require(value.find('\0') == std::string::npos, "PNG text \"", keyword, "\" holds a NUL");
}

/// What is not UTF-8 is replaced as in JSON, which does it here.
PngText utf8_text(PngText text) {
  for (auto& [keyword, value] : text)
    if (!is_ascii(value)) value = Json::parse(Json(value).text()).string();
  return text;
}

/// For libpng, which takes pointers to char but does not write through them.
std::vector<png_text> to_png_text(const PngText& text) {
  std::vector<png_text> entries;
  for (const auto& [keyword, value] : text) {
    require_text(keyword, value);
    png_text entry{};
    entry.compression = is_ascii(value) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    entry.key = const_cast<char*>(keyword.c_str());
    entry.text = const_cast<char*>(value.c_str());
    entries.push_back(entry);
  }
  return entries;
}

class Writer {
 public:
  Writer() {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &messages_, on_error, on_warning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_write_struct(&png_, nullptr);
      throw std::bad_alloc();
    }
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png_, &info_); }

  std::vector<std::byte> write(const Image& image, const PngText& any_text) {
    const PngText text = utf8_text(any_text);
    const std::vector<png_text> entries = to_png_text(text);
    std::vector<png_const_bytep> rows;
    const auto row_bytes = static_cast<std::size_t>(image.width * image.channels);
    for (std::size_t at = 0; at < image.pixels.size(); at += row_bytes) {
      rows.push_back(&image.pixels[at]);
    }
    constexpr int kColorTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                   PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    const int color = kColorTypes[image.channels - 1];
    std::vector<std::byte> bytes;
    const bool done = guarded(png_, [&, color] {
      png_set_write_fn(png_, &bytes, append_bytes, flush_nothing);
      png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.width),
                   static_cast<png_uint_32>(image.height), 8, color, PNG_INTERLACE_NONE,
                   PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
      png_set_text(png_, info_, entries.data(), static_cast<int>(entries.size()));
      png_write_info(png_, info_);
      for (const png_const_bytep row : rows) png_write_row(png_, row);
      png_write_end(png_, info_);
    });
    if (!done) fail(ErrorCode::user, "a PNG cannot be made: ", messages_.error.data());
    return bytes;
  }

 private:
  Messages messages_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

Picture decode_png_picture(std::span<const std::byte> bytes, const std::string& file_name,
                           const PixelBudget& budget) {
  return Reader(bytes, file_name, budget).read_picture();
}

PngFile decode_png(std::span<const std::byte> bytes, const std::string& file_name,
                   Channels channels) {
  Reader reader(bytes, file_name, {});
  Image image = to_bytes(reader.read_picture().image);
  return {convert_channels(std::move(image), channels), reader.read_text()};
}

PngFile read_png(const std::filesystem::path& path, Channels channels) {
  const std::string bytes = read_file(path, kMaxImageFileBytes);
  return decode_png(std::as_bytes(std::span(bytes)), path.string(), channels);
}

std::vector<std::byte> encode_png(const Image& image, const PngText& text) {
  require(image.channels >= 1 && image.channels <= 4, "a PNG has 1 to 4 channels, not ",
          image.channels);
  require(image.width > 0 && image.height > 0 && image.pixels.size() == image.num_samples(),
          "an image of ", image.width, "x", image.height, "x", image.channels, " does not have ",
          image.pixels.size(), " samples");
  require(image.width <= kMaxPixels / image.height, "a picture of ", image.width, "x", image.height,
          " pixels is not written: at most ", kMaxPixels, " are allowed");
  return Writer().write(image, text);
}

void write_png(const std::filesystem::path& path, const Image& image, const PngText& text,
               Overwrite overwrite, Durability durability) {
  const std::vector<std::byte> bytes = encode_png(image, text);
  write_file(path, std::span<const std::byte>(bytes), overwrite, durability);
}

}  // namespace ddim::engine::io
