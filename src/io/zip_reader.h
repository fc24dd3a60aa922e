#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::engine::io {

enum class ZipMethod { stored, deflated };

/// One file in an archive; both views point into the archive.
struct ZipEntry {
  std::string_view name;
  std::span<const std::byte> bytes;  ///< as they lie there
  std::uint32_t crc32;               ///< as the directory says; not compared with the bytes
  ZipMethod method = ZipMethod::stored;
  std::uint64_t size = 0;  ///< unpacked, as the directory says
};

/// Whether a file begins as zip archives with entries do.
bool looks_like_zip(std::span<const std::byte> file);

/// Which entries are read: PyTorch and NumPy store them, NumPy's savez_compressed deflates them.
enum class ZipMethods { stored, stored_or_deflated };

/// The files of a zip archive, in the order of its directory, with or without zip64. Error(corrupt)
/// naming `file_name` and the entry: archives of several volumes, encrypted entries and those of
/// other methods, links, names that are absolute, lead upwards
/// (`..`), occur twice or contain control characters; a directory that does not end where the
/// archive's end says, sizes or places that the local headers contradict, entries that overlap one
/// another or the directory. Takes no memory beyond the list.
std::vector<ZipEntry> parse_zip(std::span<const std::byte> file, const std::string& file_name,
                                ZipMethods methods = ZipMethods::stored);

/// The bytes of a deflated entry. Takes memory for what the directory says, which is at most 1,032
/// times what the entry has. Error(corrupt) naming `file_name` and the entry: damaged data, another
/// number of bytes or another CRC-32 than the directory says.
std::string inflated(const ZipEntry& entry, const std::string& file_name);

/// Error(corrupt), naming `file_name` and the entry, where its unpacked bytes have another CRC-32
/// than the directory says.
void require_stated_crc32(const ZipEntry& entry, std::span<const std::byte> unpacked,
                          const std::string& file_name);

}  // namespace ddim::engine::io
