#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::engine::io {

/// One file in an archive; both views point into the archive.
struct ZipEntry {
  std::string_view name;
  std::span<const std::byte> bytes;
  std::uint32_t crc32;  ///< as the directory says; not compared with the bytes
};

/// The files of a zip archive, in the order of its directory, as PyTorch writes them: stored, not
/// compressed, with or without zip64. Error(corrupt) naming `file_name` and the entry: archives of
/// several volumes, compressed or encrypted entries, links, names that are absolute, lead upwards
/// (`..`), occur twice or contain control characters; a directory that does not end where the
/// archive's end says, sizes or places that the local headers contradict, entries that overlap one
/// another or the directory. Takes no memory beyond the list.
std::vector<ZipEntry> parse_zip(std::span<const std::byte> file, const std::string& file_name);

}  // namespace ddim::engine::io
