#pragma once

#include <ddim/overwrite.h>

#include <filesystem>
#include <string>
#include <vector>

namespace ddim::cli {

/// The files that a command reads and writes, for a check of all of them before any work. Empty
/// paths are files that the user did not ask for.
class Files {
 public:
  explicit Files(Overwrite overwrite = Overwrite::refuse) : overwrite_(overwrite) {}

  Files& reads(const std::filesystem::path& path);
  /// A file whose name ends in one of `endings`; `otherwise` says, after these, what else there is.
  Files& writes(const std::string& flag, const std::filesystem::path& path,
                const std::vector<std::string>& endings, const std::string& otherwise = "");
  /// A file or a folder that does not exist yet, with any name.
  Files& creates(const std::string& flag, const std::filesystem::path& path);
  /// A folder for files, which is made where it is not there, with those that it lies in.
  Files& fills(const std::string& flag, const std::filesystem::path& folder);

  /// Error(user) for an output with another ending, one that is a folder, that lies in none, that
  /// exists and may not be replaced, that is an input or another output too, and for a file where a
  /// folder is wanted; Error(io) for a folder in which no file can be made, and for an input that
  /// cannot be read.
  void check() const;

 private:
  struct Output {
    std::string flag;
    std::filesystem::path path;
    std::vector<std::string> endings;
    enum class May { be_replaced, not_exist, be_a_folder } may;
    std::string otherwise = {};
  };

  Overwrite overwrite_;
  std::vector<std::filesystem::path> inputs_;
  std::vector<Output> outputs_;
};

/// The same for one output with any ending.
void check_output(const std::filesystem::path& file, Overwrite overwrite);

/// The paths that a command reads, which exist: Error(io) otherwise.
void check_input(const std::filesystem::path& path);

}  // namespace ddim::cli
