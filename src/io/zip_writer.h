#pragma once

#include <string>
#include <vector>

#include "base/file_output.h"

namespace ddim::engine::io {

struct ZipMember {
  std::string name;
  FileContent content;
};

/// The bytes of a zip archive of stored files, in the order given, as PyTorch writes them: each
/// file's data begin at a multiple of 64 bytes, so that a mapping of them can be used in place;
/// sizes and CRC-32 follow the data, which stream through once; zip64 where 32 bits do not
/// suffice. Dates are left at zero: the same members give the same bytes. Error(user) for a member
/// of 4 GiB or more, whose size would need another form.
FileContent zip_content(std::vector<ZipMember> members);

}  // namespace ddim::engine::io
