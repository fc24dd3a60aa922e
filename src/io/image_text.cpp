#include "io/image_text.h"

#include <array>

namespace ddim::engine::io {
namespace {

constexpr std::int64_t kLetterWidth = 5;

/// Letters from space to ~ of 5x8 dots: bit 5 y + x is the dot in row y and column x.
constexpr std::array<std::uint64_t, 95> kLetters = {
    0x0000000000, 0x0100421084, 0x000000014A, 0x0295F57D4A, 0x011F4717C4, 0x0674222173,
    0x05935114A2, 0x0000000084, 0x0208210888, 0x0088842082, 0x002AEFBAA0, 0x00084F9080,
    0x0088400000, 0x00000F8000, 0x0100000000, 0x0042222210, 0x03A33AE62E, 0x03884210C4,
    0x07C444422E, 0x03A306422E, 0x0211F4A988, 0x03A3083C3F, 0x03A317844C, 0x010842221F,
    0x03A317462E, 0x01910F462E, 0x0100401000, 0x0088401000, 0x0208208888, 0x0001F07C00,
    0x0088882082, 0x010044422E, 0x0383DAF62E, 0x04631FC62E, 0x03E317C62F, 0x03A210862E,
    0x03E318C62F, 0x07C217843F, 0x004217843F, 0x03A31E862E, 0x04631FC631, 0x038842108E,
    0x019284211C, 0x0452519531, 0x07C2108421, 0x04631AD771, 0x04631CD671, 0x03A318C62E,
    0x004217C62F, 0x059358C62E, 0x045257C62F, 0x03E107043E, 0x010842109F, 0x03A318C631,
    0x011518C631, 0x04775AC631, 0x0462A22A31, 0x0108422A31, 0x07C222221F, 0x038421084E,
    0x0420820821, 0x039084210E, 0x0000004544, 0x07C0000000, 0x0000000082, 0x07A3E83800,
    0x03E318BC21, 0x038210B800, 0x07A318FA10, 0x0383F8B800, 0x0084238A4C, 0x743D18F800,
    0x046318BC21, 0x0388421804, 0x3250843008, 0x024A32A421, 0x0388421086, 0x056B5AAC00,
    0x046318BC00, 0x03A318B800, 0x085F18BC00, 0x843D18F800, 0x004219B400, 0x03E0E0F800,
    0x0324211C42, 0x07A318C400, 0x011518C400, 0x02AB5AC400, 0x0454454400, 0x743D18C400,
    0x07C4447C00, 0x030841108C, 0x0108421084, 0x0188441086, 0x00008A8800,
};

bool has_alpha(const Image& image) { return image.channels == 2 || image.channels == 4; }

void draw_dot(Image& image, std::int64_t left, std::int64_t top, std::int64_t size,
              std::uint8_t level) {
  for (std::int64_t y = top; y < top + size; ++y) {
    for (std::int64_t x = left; x < left + size; ++x) {
      if (x < 0 || y < 0 || x >= image.width || y >= image.height) continue;
      std::uint8_t* pixel =
          &image.pixels[static_cast<std::size_t>((y * image.width + x) * image.channels)];
      for (std::int64_t c = 0; c < image.channels; ++c) pixel[c] = level;
      if (has_alpha(image)) pixel[image.channels - 1] = 255;
    }
  }
}

}  // namespace

void draw_text(Image& image, std::int64_t left, std::int64_t top, std::string_view text,
               std::int64_t scale, std::uint8_t level) {
  for (const char character : text) {
    const bool known = character >= ' ' && character <= '~';
    const std::uint64_t dots = kLetters[static_cast<std::size_t>((known ? character : '?') - ' ')];
    for (std::int64_t y = 0; y < kTextHeight; ++y)
      for (std::int64_t x = 0; x < kLetterWidth; ++x)
        if ((dots >> (kLetterWidth * y + x) & 1U) != 0)
          draw_dot(image, left + x * scale, top + y * scale, scale, level);
    left += kTextWidth * scale;
  }
}

}  // namespace ddim::engine::io
