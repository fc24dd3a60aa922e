#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ddim::cli {

/// The numbers of `text`, with commas, spaces or newlines between them. Error(user), naming
/// `source` and what stands there, for anything else and for an empty list.
std::vector<double> parse_numbers(const std::string& text, const std::string& source);

/// The same from a file. Error(io) when it cannot be read.
std::vector<double> read_numbers(const std::filesystem::path& file);

}  // namespace ddim::cli
