#pragma once

#include <filesystem>
#include <string>

namespace ddim::engine::hub {

/// Whether an etag of the hub tells what its file holds: 64 hexadecimal digits are the SHA-256 of a
/// file in git's large file storage, 40 are the SHA-1 that git gives a small one.
bool is_checksum(const std::string& etag);

/// Whether the file has the content that `etag` names. Error(io) when it cannot be read.
bool has_content(const std::filesystem::path& file, const std::string& etag);

}  // namespace ddim::engine::hub
