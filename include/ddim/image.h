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

struct GridOptions {
  std::optional<std::int64_t> columns = {};  ///< default: the smallest square that holds all
  std::int64_t padding = 2;                  ///< black pixels around each picture
};

/// Pictures of one size, row by row, with a border around each, as torchvision's make_grid; a
/// single picture comes back as it is. Error(user) for none, or for different sizes.
DDIM_API Image make_grid(std::span<const Image> images, const GridOptions& options = {});

/// Reads and writes pictures as the tensor `name` [N,C,H,W] of a safetensors file. Error(corrupt)
/// when a file does not hold such a tensor; other errors as for PNG files.
DDIM_API FloatImages read_tensor(const std::filesystem::path& path, const std::string& name);
DDIM_API void write_tensor(const std::filesystem::path& path, const std::string& name,
                           const FloatImages& images, Overwrite overwrite = Overwrite::refuse);

/// Writes pictures as bytes (see to_image(); any number of channels) into an .npz file: arr_0
/// [N,H,W,C], as ADM's evaluator and numpy.load() read it, and, where given, the class of each
/// picture as arr_1 [N]. Errors as write_png().
DDIM_API void write_npz(const std::filesystem::path& path, const FloatImages& images,
                        std::span<const std::int64_t> labels = {},
                        Overwrite overwrite = Overwrite::refuse);

}  // namespace ddim
