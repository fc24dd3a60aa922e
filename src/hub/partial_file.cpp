#include "hub/partial_file.h"

#include <fcntl.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file_output.h"

namespace ddim::engine::hub {

PartialFile::PartialFile(std::filesystem::path path, FileSystem& file_system)
    : path_(std::move(path)), file_system_(file_system) {
  open(O_CREAT);
  std::error_code error;
  size_bytes_ = std::filesystem::file_size(path_, error);
  if (error) {
    close();
    fail(ErrorCode::io, "cannot read ", path_.string(), ": ", error.message());
  }
}

PartialFile::~PartialFile() { close(); }

void PartialFile::fail_call(const char* call) const {
  const std::string reason = std::system_category().message(errno);
  fail(ErrorCode::io, "cannot write ", path_.string(), ": ", reason, " (", call, "; ", size_bytes_,
       " bytes are there)");
}

void PartialFile::open(int flags) {
  descriptor_ = file_system_.open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666);
  if (descriptor_ < 0) fail_call("opening");
}

void PartialFile::close() {
  if (descriptor_ >= 0) file_system_.close(std::exchange(descriptor_, -1));
}

void PartialFile::append(std::span<const std::byte> bytes) {
  const std::size_t written = write_all(file_system_, descriptor_, bytes);
  size_bytes_ += written;
  bytes_appended_ += written;
  if (written < bytes.size()) fail_call("writing");
}

void PartialFile::clear() {
  close();
  open(O_TRUNC);
  size_bytes_ = 0;
}

void PartialFile::move_to(const std::filesystem::path& name) {
  if (file_system_.fsync(descriptor_) < 0) fail_call("fsync");
  close();
  if (file_system_.rename(path_.c_str(), name.c_str()) < 0) fail_call("renaming");
  sync_folder(name.parent_path(), file_system_);
}

}  // namespace ddim::engine::hub
