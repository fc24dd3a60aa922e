#include "io/jpeg.h"

#include <array>
#include <csetjmp>
#include <cstdio>
#include <utility>

// libjpeg's header needs <cstdio> before it.
#include <jpeglib.h>

#include "base/error.h"
#include "io/read_file.h"

namespace ddim::engine::io {
namespace {

/// libjpeg reports errors by a callback that must not return. It jumps, so that no exception passes
/// through C code; what runs between setjmp and the jump makes no object that has a destructor.
struct ErrorManager : jpeg_error_mgr {
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> text;
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto& manager = *static_cast<ErrorManager*>(info->err);
  manager.format_message(info, manager.text.data());
  std::longjmp(manager.jump, 1);
}

/// Warnings have level -1; traces 0 and above.
void on_message(j_common_ptr info, int level) {
  if (level < 0) on_error(info);
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

class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, const std::string& file_name)
      : file_name_(file_name), bytes_(bytes) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    errors_.output_message = on_output;
    progress_.progress_monitor = on_progress;
    // What may fail for the file's sake waits for decode(): after it the destructor runs.
    run([this] { jpeg_create_decompress(&info_); });
    info_.progress = &progress_;
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info_); }

  Image decode() {
    run([this] {
      jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
      jpeg_read_header(&info_, TRUE);
    });
    const std::int64_t width = info_.image_width;
    const std::int64_t height = info_.image_height;
    if (width * height > kMaxPixels) {
      fail_file("a picture of ", width, "x", height, " pixels; at most ", kMaxPixels,
                " are allowed");
    }
    if (info_.num_components != 1 && info_.num_components != 3) {
      fail_file("a JPEG of ", info_.num_components,
                " colour components (CMYK?); grey and RGB are understood");
    }
    Image image{width, height, info_.num_components, {}};
    image.pixels.resize(image.num_samples());
    run([this, first = image.pixels.data()] {
      info_.out_color_space = info_.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
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
    return image;
  }

 private:
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
  std::span<const std::byte> bytes_;
  ErrorManager errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct info_{};
};

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& file_name,
                  Channels channels) {
  return convert_channels(Decoder(bytes, file_name).decode(), channels);
}

Image read_jpeg(const std::filesystem::path& path, Channels channels) {
  const std::string bytes = read_file(path, kMaxImageFileBytes);
  return decode_jpeg(std::as_bytes(std::span(bytes)), path.string(), channels);
}

}  // namespace ddim::engine::io
