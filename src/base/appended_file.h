#pragma once

#include <filesystem>
#include <string_view>

namespace ddim::engine {

/// A file that is there and grows. What is added is with the system at once, so that it survives
/// the end of the process. Errors are Error(io), with the path and the system's reason.
class AppendedFile {
 public:
  explicit AppendedFile(std::filesystem::path path);
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;
  ~AppendedFile();

  /// After an error, a part of `text` may be in the file.
  void add(std::string_view text);

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace ddim::engine
