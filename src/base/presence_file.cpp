#include "base/presence_file.h"

#include <system_error>
#include <utility>

#include "base/file_output.h"

namespace ddim::engine {

PresenceFile::PresenceFile(std::filesystem::path path, const std::string& content)
    : path_(std::move(path)) {
  write_file(path_, content, Overwrite::refuse, Durability::later);
}

PresenceFile::~PresenceFile() {
  std::error_code gone;
  std::filesystem::remove(path_, gone);
}

}  // namespace ddim::engine
