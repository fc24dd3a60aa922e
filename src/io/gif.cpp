#include "io/gif.h"

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

int take_bytes(GifFileType* gif, GifByteType* out, int size) {
  auto& rest = *static_cast<std::span<const std::byte>*>(gif->UserData);
  const std::size_t count = std::min(static_cast<std::size_t>(size), rest.size());
  if (count > 0) std::memcpy(out, rest.data(), count);
  rest = rest.subspan(count);
  return static_cast<int>(count);
}

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

class GifDecoder {
 public:
  GifDecoder(std::span<const std::byte> bytes, const std::string& file_name,
             const PixelBudget& budget)
      : file_name_(file_name), budget_(budget), rest_(bytes) {
    int error = D_GIF_SUCCEEDED;
    gif_.reset(DGifOpen(&rest_, take_bytes, &error));
    if (gif_ == nullptr) fail_file(error);
  }

  Picture decode() {
    while (true) {
      GifRecordType record = UNDEFINED_RECORD_TYPE;
      check(DGifGetRecordType(gif_.get(), &record));
      if (record == IMAGE_DESC_RECORD_TYPE) return {.image = read_frame()};
      if (record == EXTENSION_RECORD_TYPE) {
        read_extension();
      } else {
        fail(ErrorCode::corrupt, file_name_, ": not a readable GIF: there is no picture in it");
      }
    }
  }

 private:
  [[noreturn]] void fail_file(int error) const {
    const char* reason = GifErrorString(error);
    fail(ErrorCode::corrupt, file_name_,
         ": not a readable GIF: ", reason == nullptr ? "the file ends early" : reason);
  }
  void check(int result) const {
    if (result == GIF_ERROR) fail_file(gif_->Error);
  }

  void read_extension() {
    int code = 0;
    GifByteType* block = nullptr;
    check(DGifGetExtension(gif_.get(), &code, &block));
    while (block != nullptr) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE &&
          DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK &&
          control.TransparentColor != NO_TRANSPARENT_COLOR)
        transparent_ = control.TransparentColor;
      check(DGifGetExtensionNext(gif_.get(), &block));
    }
  }

  /// The rows of an interlaced frame come in four passes.
  static std::vector<int> order_of_rows(int height, bool interlaced) {
    std::vector<int> rows;
    if (!interlaced) {
      for (int y = 0; y < height; ++y) rows.push_back(y);
      return rows;
    }
    constexpr std::array<std::pair<int, int>, 4> kPasses{{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
    for (const auto& [first, step] : kPasses)
      for (int y = first; y < height; y += step) rows.push_back(y);
    return rows;
  }

  Image read_frame() {
    check(DGifGetImageDesc(gif_.get()));
    const GifImageDesc& frame = gif_->Image;
    check_size(frame.Width, frame.Height, file_name_);
    const std::int64_t width = std::max(gif_->SWidth, frame.Left + frame.Width);
    const std::int64_t height = std::max(gif_->SHeight, frame.Top + frame.Height);
    check_size(width, height, file_name_, budget_);
    // What the frame leaves free is transparent or, in a GIF without transparency, of colour 0.
    std::vector<GifByteType> indices(static_cast<std::size_t>(width * height),
                                     static_cast<GifByteType>(transparent_.value_or(0)));
    for (const int y : order_of_rows(frame.Height, frame.Interlace)) {
      const std::int64_t at = (frame.Top + y) * width + frame.Left;
      check(DGifGetLine(gif_.get(), &indices[static_cast<std::size_t>(at)], frame.Width));
    }
    return to_colours(indices, width, height);
  }

  Image to_colours(const std::vector<GifByteType>& indices, std::int64_t width,
                   std::int64_t height) const {
    const ColorMapObject* map =
        gif_->Image.ColorMap != nullptr ? gif_->Image.ColorMap : gif_->SColorMap;
    std::array<GifColorType, 256> colours{};
    bool is_grey = true;
    for (std::size_t i = 0; i < colours.size(); ++i) {  // greys where no palette says otherwise
      const auto grey = static_cast<GifByteType>(i);
      const bool is_known = map != nullptr && i < static_cast<std::size_t>(map->ColorCount);
      colours[i] = is_known ? map->Colors[i] : GifColorType{grey, grey, grey};
      is_grey &= colours[i].Red == colours[i].Green && colours[i].Green == colours[i].Blue;
    }
    Image image{width, height, (is_grey ? 1 : 3) + (transparent_ ? 1 : 0), {}};
    std::array<std::array<std::uint8_t, 4>, 256> samples{};
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const GifColorType& colour = colours[i];
      const std::uint8_t alpha =
          transparent_ && i == static_cast<std::size_t>(*transparent_) ? 0 : 255;
      samples[i] = is_grey
                       ? std::array<std::uint8_t, 4>{colour.Red, alpha}
                       : std::array<std::uint8_t, 4>{colour.Red, colour.Green, colour.Blue, alpha};
    }
    image.pixels.resize(image.num_samples());
    auto pixel = image.pixels.begin();
    for (const GifByteType index : indices)
      pixel = std::copy_n(samples[index].begin(), image.channels, pixel);
    return image;
  }

  const std::string& file_name_;
  const PixelBudget budget_;
  std::span<const std::byte> rest_;
  std::unique_ptr<GifFileType, CloseGif> gif_;
  std::optional<int> transparent_;
};

}  // namespace

bool has_gif() noexcept { return true; }

Picture decode_gif(std::span<const std::byte> bytes, const std::string& file_name,
                   const PixelBudget& budget) {
  return GifDecoder(bytes, file_name, budget).decode();
}

}  // namespace ddim::engine::io
