#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ddim::engine::io {

/// What of a PNG file the decoder is given.
struct PngPieces {
  std::vector<std::span<const std::byte>> pieces;  ///< in order, of the file
  int orientation = 1;                             ///< EXIF's, of the chunk eXIf
  std::string damage = {};   ///< why the file must be refused; empty for no reason seen so far
  std::string warning = {};  ///< why the first chunk was left out; empty for nothing odd
};

/// The chunks that say what the pixels are, and texts. Left out are: how colours are to be shown
/// (samples are taken as they are), animations, private chunks, and, with a warning, ancillary
/// chunks with a wrong checksum, texts that are long or many, and what follows the end. A wrong
/// checksum of another chunk is damage (the decoder's versions differ in which they compare). What
/// is no chunk is passed on, for the decoder to refuse, unless it begins as an ancillary one.
PngPieces choose_png_pieces(std::span<const std::byte> file);

}  // namespace ddim::engine::io
