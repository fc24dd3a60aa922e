#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file_output.h"
#include "io/image.h"

namespace ddim::engine::io {

/// Keyword -> value. Keywords to be written are 1-79 printable ASCII characters;
/// values are UTF-8, with U+FFFD in place of bytes that are not.
using PngText = std::map<std::string, std::string>;

struct PngFile {
  Image image;
  PngText text;  ///< of tEXt, zTXt and iTXt chunks, before or after the pixels
};

/// Decodes a PNG of any kind: palettes are expanded, less than 8 bits widened, 16 bits kept; it
/// comes upright, with its alpha. Error(corrupt) naming `file_name` for what libpng refuses, for
/// data that are damaged or end early, and for more pixels than `budget` has left.
Picture decode_png_picture(std::span<const std::byte> bytes, const std::string& file_name,
                           const PixelBudget& budget = {});

/// The same with its text, with 8 bits per sample and with the wanted channels.
PngFile decode_png(std::span<const std::byte> bytes, const std::string& file_name,
                   Channels channels = Channels::as_stored);
/// The same for a file. Error(io) when it cannot be read.
PngFile read_png(const std::filesystem::path& path, Channels channels = Channels::as_stored);

/// The file's bytes, a function of the arguments alone (no time, no version). Text goes
/// before the pixels, uncompressed, as tEXt if it is ASCII and as iTXt if not.
/// Error(user) for an image without pixels, or a keyword that PNG does not allow.
std::vector<std::byte> encode_png(const Image& image, const PngText& text = {});
/// write_file() of encode_png().
void write_png(const std::filesystem::path& path, const Image& image, const PngText& text = {},
               Overwrite overwrite = Overwrite::refuse, Durability durability = Durability::now);

}  // namespace ddim::engine::io
