#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_output.h"
#include "io/zip_format.h"

namespace ddim::engine::io {

struct ZipMember {
  std::string name;
  FileContent content;
};

/// The bytes of a zip archive of stored files, in the order given, as PyTorch writes them: each
/// file's data begin at a multiple of 64 bytes, so that a mapping of them can be used in place;
/// sizes and CRC-32 follow the data, which stream through once; zip64 where 32 bits do not
/// suffice: for places from 4 GiB on, and for members of `zip64_from` bytes or more. Dates are left
/// at zero: the same members give the same bytes.
FileContent zip_content(std::vector<ZipMember> members, std::uint64_t zip64_from = kInZip64);

}  // namespace ddim::engine::io
