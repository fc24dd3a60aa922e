#include "io/jpeg.h"

#include <array>
#include <csetjmp>
#include <cstdio>
#include <utility>

// libjpeg's header needs <cstdio> before it.
#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"
#include "io/exif.h"

namespace ddim::engine::io {
namespace {

/// libjpeg reports errors by a callback that must not return. It jumps, so that no exception passes
/// through C code; what runs between setjmp and the jump makes no object that has a destructor.
struct ErrorManager : jpeg_error_mgr {
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> text;
  std::array<char, JMSG_LENGTH_MAX> warning;  ///< the first
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto& manager = *static_cast<ErrorManager*>(info->err);
  manager.format_message(info, manager.text.data());
  std::longjmp(manager.jump, 1);
}

/// Warnings have level -1; traces 0 and above. Data that end early are an error: half of the
/// picture is not there.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  auto& manager = *static_cast<ErrorManager*>(info->err);
  if (manager.msg_code == JWRN_JPEG_EOF) on_error(info);
  if (manager.num_warnings++ == 0) manager.format_message(info, manager.warning.data());
}

void on_output(j_common_ptr) {}

/// A progressive file of a few kilobytes can ask for its pixels to be gone over without end.
void on_progress(j_common_ptr info) {
  constexpr int kMaxScans = 200;
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  auto& manager = *static_cast<ErrorManager*>(info->err);
  std::snprintf(manager.text.data(), manager.text.size(), "more than %d scans", kMaxScans);
  std::longjmp(manager.jump, 1);
}

/// JPEGs of four colours are written as Adobe writes them: 255 is no ink.
Image rgb_of_inverted_cmyk(const Image& cmyk) {
  Image rgb{cmyk.width, cmyk.height, 3, {}};
  rgb.pixels.reserve(rgb.num_samples());
  for (std::size_t at = 0; at < cmyk.pixels.size(); at += 4) {
    const int paper = cmyk.pixels[at + 3];
    for (std::size_t c = 0; c < 3; ++c)
      rgb.pixels.push_back(static_cast<std::uint8_t>((cmyk.pixels[at + c] * paper + 127) / 255));
  }
  return rgb;
}

class JpegDecoder {
 public:
  JpegDecoder(std::span<const std::byte> bytes, const std::string& file_name,
              const PixelBudget& budget)
      : file_name_(file_name), budget_(budget), bytes_(bytes) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    errors_.output_message = on_output;
    progress_.progress_monitor = on_progress;
    // What may fail for the file's sake waits for decode(): after it the destructor runs.
    run([this] { jpeg_create_decompress(&info_); });
    info_.progress = &progress_;
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() { jpeg_destroy_decompress(&info_); }

  Picture decode() {
    run([this] {
      jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
      jpeg_save_markers(&info_, kExifMarker, 0xFFFF);
      jpeg_read_header(&info_, TRUE);
    });
    check_size(info_.image_width, info_.image_height, file_name_, budget_);
    const int components = info_.num_components;
    if (components != 1 && components != 3 && components != 4) {
      fail_file("a JPEG of ", components,
                " colour components; grey, RGB, YCbCr, CMYK and YCCK are understood");
    }
    const int orientation = find_orientation();  // libjpeg forgets the markers in the end
    Image image{info_.image_width, info_.image_height, components, {}};
    image.pixels.resize(image.num_samples());
    run([this, components, first = image.pixels.data()] {
      info_.out_color_space = components == 1   ? JCS_GRAYSCALE
                              : components == 3 ? JCS_RGB
                                                : JCS_CMYK;
      info_.dct_method = JDCT_ISLOW;
      jpeg_start_decompress(&info_);
      const std::size_t row_bytes =
          std::size_t{info_.output_width} * static_cast<std::size_t>(info_.output_components);
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW row = first + info_.output_scanline * row_bytes;
        jpeg_read_scanlines(&info_, &row, 1);
      }
      jpeg_finish_decompress(&info_);
    });
    if (components == 4) image = rgb_of_inverted_cmyk(image);
    return {.image = upright(std::move(image), orientation), .warning = errors_.warning.data()};
  }

 private:
  static constexpr int kExifMarker = JPEG_APP0 + 1;

  /// Of the first marker that says one.
  int find_orientation() const {
    for (const auto* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      const auto exif = std::as_bytes(std::span(marker->data, marker->data_length));
      const int found = exif_orientation(exif);
      if (found != 1) return found;
    }
    return 1;
  }

  template <class Work>
  void run(const Work& work) {
    if (setjmp(errors_.jump) != 0) fail_file("not a readable JPEG: ", errors_.text.data());
    work();
  }
  template <class... Parts>
  [[noreturn]] void fail_file(const Parts&... parts) const {
    fail(ErrorCode::corrupt, file_name_, ": ", parts...);
  }

  const std::string& file_name_;
  const PixelBudget budget_;
  std::span<const std::byte> bytes_;
  ErrorManager errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct info_{};
};

}  // namespace

Picture decode_jpeg(std::span<const std::byte> bytes, const std::string& file_name,
                    const PixelBudget& budget) {
  return JpegDecoder(bytes, file_name, budget).decode();
}

}  // namespace ddim::engine::io
