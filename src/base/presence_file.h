#pragma once

#include <filesystem>
#include <string>

namespace ddim::engine {

/// A file that tells other processes that this one is there. It goes with the object.
class PresenceFile {
 public:
  /// Error(user) when the file exists, Error(io) when the system refuses.
  PresenceFile(std::filesystem::path path, const std::string& content);
  PresenceFile(const PresenceFile&) = delete;
  PresenceFile& operator=(const PresenceFile&) = delete;
  ~PresenceFile();

  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace ddim::engine
