#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ddim/export.h"
#include "ddim/overwrite.h"
#include "ddim/picture_shape.h"

namespace ddim {

/// A picture of 8-bit samples, rows from the top, channels interleaved: 1 grey, 2 grey and alpha,
/// 3 RGB, 4 RGBA.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels = {};  ///< [height, width, channels]

  /// How many pixels' samples the size asks for.
  std::size_t num_samples() const { return static_cast<std::size_t>(width * height * channels); }
  friend bool operator==(const Image&, const Image&) = default;
};

/// How many pixels the files of pictures may have, alone or together.
struct PixelBudget {
  std::int64_t most = 64'000'000;
  std::int64_t used = 0;  ///< by those before
};

/// Pictures before they are rounded to bytes: what a network sees and makes, -1 black, 1 white.
struct FloatImages {
  std::int64_t count = 0;
  PictureShape shape = {};
  std::vector<float> values = {};  ///< [count, height, width, channels]

  /// Picture `index`: [height, width, channels].
  std::span<const float> operator[](std::int64_t index) const {
    return std::span(values).subspan(static_cast<std::size_t>(index) * shape.size(), shape.size());
  }
};

/// Picture `index` as bytes: floor(255 y + 0.5) with y = (x + 1) / 2 clamped to [0, 1], as
/// torchvision's save_image. Any number of channels. Error(numeric) for NaN.
DDIM_API Image to_image(const FloatImages& images, std::int64_t index);

/// What a PNG file holds beside its pixels.
struct PngOptions {
  std::map<std::string, std::string> text = {};  ///< keyword -> value, kept in the file
  Overwrite overwrite = Overwrite::refuse;
};

/// Writes a PNG that is complete or not there. Error(user) when the file exists and may not be
/// overwritten, Error(io) when the system refuses.
DDIM_API void write_png(const std::filesystem::path& path, const Image& image,
                        const PngOptions& options = {});
/// The picture as grey or RGB, without alpha. Error(io) when it cannot be read, Error(corrupt) when
/// it is damaged.
DDIM_API Image read_png(const std::filesystem::path& path);
/// The text in the file: keyword -> value. Errors as read_png().
DDIM_API std::map<std::string, std::string> read_png_text(const std::filesystem::path& path);

/// How pictures are put beside each other.
struct GridOptions {
  std::optional<std::int64_t> columns = {};  ///< default: the smallest square that holds all
  std::int64_t padding = 2;                  ///< pixels around each picture
  /// Each pixel becomes scale x scale pixels. The padding keeps its width; it is black at scale 1,
  /// as torchvision's, and else grey, so that dark pictures can be told apart.
  std::int64_t scale = 1;
  /// In a white margin above the grid: printable ASCII, "" for none.
  std::string title = {};
  /// The same before the rows and above the columns: none, or one for each. What does not fit over
  /// a column is cut off.
  std::vector<std::string> row_labels = {};
  std::vector<std::string> column_labels = {};
};

/// Pictures of one size, row by row, with a border around each, as torchvision's make_grid; a
/// single picture has none. Error(user) for no picture, for different sizes, and as check_grid().
DDIM_API Image make_grid(std::span<const Image> images, const GridOptions& options = {});

/// The largest scale from 1 to 8 at which a grid of so many pictures is at most 1,024 pixels wide
/// and high.
DDIM_API std::int64_t readable_scale(std::int64_t count, const PictureShape& shape,
                                     const std::optional<std::int64_t>& columns = {});

/// Pictures of one size in rows and columns on white, with a label before each row and above each
/// column (printable ASCII; what does not fit over a column is cut off). `cells` are row by row.
/// Error(user) unless there are rows x columns cells, and for a table that is too large for a PNG.
DDIM_API Image make_labelled_table(std::span<const Image> cells,
                                   const std::vector<std::string>& rows,
                                   const std::vector<std::string>& columns);

/// What make_grid() and write_png() would refuse of so many pictures, before there are any:
/// Error(user) for more than 4 channels, for numbers below 1 (padding: below 0), for another number
/// of labels than there are rows or columns, and for a grid that is too large for a PNG.
DDIM_API void check_grid(const PictureShape& shape, std::int64_t count,
                         const GridOptions& options = {});

/// Reads and writes pictures as the tensor `name` [N,C,H,W] of a safetensors file. Error(corrupt)
/// when a file does not hold such a tensor; other errors as for PNG files.
DDIM_API FloatImages read_tensor(const std::filesystem::path& path, const std::string& name);
/// The counterpart of read_tensor().
DDIM_API void write_tensor(const std::filesystem::path& path, const std::string& name,
                           const FloatImages& images, Overwrite overwrite = Overwrite::refuse);

/// Writes pictures as bytes (see to_image(); any number of channels) into an .npz file: arr_0
/// [N,H,W,C], as ADM's evaluator and numpy.load() read it, and, where given, the class of each
/// picture as arr_1 [N]. Errors as write_png().
DDIM_API void write_npz(const std::filesystem::path& path, const FloatImages& images,
                        std::span<const std::int64_t> labels = {},
                        Overwrite overwrite = Overwrite::refuse);

}  // namespace ddim
