#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/file_output.h"

namespace ddim::engine {

/// Hands the bytes of a whole file to `sink`, in order and in pieces. Error(io), naming the file,
/// when it cannot be read; what `sink` throws is passed on.
void read_pieces(const std::filesystem::path& path, const ByteSink& sink);

/// The same from byte `first` on, of a file that may not be there.
void read_pieces_if_there(const std::filesystem::path& path, std::uint64_t first,
                          const ByteSink& sink);

/// The first bytes of a file, fewer when it is shorter. Errors as read_pieces().
std::string read_start(const std::filesystem::path& path, std::size_t num_bytes);

/// The bytes of a whole file. Error(io) as read_pieces(), Error(corrupt) when it is larger than
/// `max_bytes`; both name the file.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// The same, or nothing when there is no file of this name. What is there and cannot be read is an
/// Error(io), so that a caller never takes it for missing and replaces it.
std::optional<std::string> read_file_if_there(const std::filesystem::path& path,
                                              std::uint64_t max_bytes);

/// Whether something has this name, be it a link to nothing. Error(io), naming the path, when the
/// system does not say.
bool is_there(const std::filesystem::path& path);
/// The same of what links lead to: false for a link to nothing.
bool leads_somewhere(const std::filesystem::path& path);
/// Whether a folder, or a link to one, has this name. Errors as is_there().
bool is_folder(const std::filesystem::path& path);
/// Whether a regular file, or a link to one, has this name. Errors as is_there().
bool is_file(const std::filesystem::path& path);

}  // namespace ddim::engine
