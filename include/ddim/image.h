#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ddim {

/// A picture of 8-bit samples, rows from the top, channels interleaved: 1 grey, 3 RGB.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels = {};  ///< [height, width, channels]
};

/// Pictures before they are rounded to bytes: what a network sees and makes, -1 black, 1 white.
struct FloatImages {
  std::int64_t count = 0;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<float> values = {};  ///< [count, channels, height, width]
};

/// Picture `index` as bytes: floor(255 y + 0.5) with y = (x + 1) / 2 clamped to [0, 1].
/// Error(numeric) for NaN.
Image to_image(const FloatImages& images, std::int64_t index);

/// What to do when an output file is there already.
enum class Overwrite { refuse, allow };

struct PngOptions {
  std::map<std::string, std::string> text = {};  ///< keyword -> value, kept in the file
  Overwrite overwrite = Overwrite::refuse;
};

/// Writes a PNG that is complete or not there. Error(user) when the file exists and may not be
/// overwritten, Error(io) when the system refuses.
void write_png(const std::filesystem::path& path, const Image& image,
               const PngOptions& options = {});
/// The picture as grey or RGB. Error(io) when it cannot be read, Error(corrupt) when it is damaged.
Image read_png(const std::filesystem::path& path);
/// The text that it carries: keyword -> value. Errors as read_png().
std::map<std::string, std::string> read_png_text(const std::filesystem::path& path);

struct GridOptions {
  std::optional<std::int64_t> columns = {};  ///< default: the least square that holds all
  std::int64_t padding = 2;                  ///< black pixels around each picture
};

/// Pictures of one size, row by row. Error(user) for none, or for different sizes.
Image make_grid(std::span<const Image> images, const GridOptions& options = {});

/// Reads and writes pictures as the tensor `name` [N,C,H,W] of a safetensors file. Error(corrupt)
/// when a file does not hold such a tensor; the rest as for PNG files.
FloatImages read_tensor(const std::filesystem::path& path, const std::string& name);
void write_tensor(const std::filesystem::path& path, const std::string& name,
                  const FloatImages& images, Overwrite overwrite = Overwrite::refuse);

}  // namespace ddim
