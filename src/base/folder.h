#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ddim::engine {

// What is in folders. The iterators and remove_all() of std::filesystem end the process where there
// is no memory for a name; these throw std::bad_alloc.

/// The names in a folder, sorted. Error(io), naming the folder, when the system does not let it be
/// read.
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// The same; none where the folder is not there or cannot be read.
std::vector<std::string> readable_names_in(const std::filesystem::path& folder);

/// The regular files in a folder and those below it, sorted: also through links to files, but not
/// through links to folders. Errors as names_in().
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder);

/// Removes a file, a link, or a folder with all that is in it; what is not there is no error.
/// Error(io), naming the path, when the system refuses.
void remove_tree(const std::filesystem::path& path);

/// The same; whether all of it is gone. Takes no memory from operator new, so destructors may
/// call it.
bool try_remove_tree(const std::filesystem::path& path) noexcept;

}  // namespace ddim::engine
