#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/error.h"

namespace ddim {
namespace {

std::string read_owner(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string owner(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (const auto end = owner.find('\n'); end != std::string::npos) owner.resize(end);
  return owner.empty() ? "another process" : owner;
}

void write_owner(int descriptor) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string owner = concat("process ", ::getpid(), " on host ", host.data(), "\n");
  // The text only helps a person to find the owner: on a full disk the lock holds without it.
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, owner.data(), owner.size(), 0);
  }
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    fail(ErrorCode::io, "cannot lock ", folder.string(), ": ",
         std::system_category().message(errno), " (opening ", path.string(), ")");
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    write_owner(descriptor_);
    return;
  }
  const int reason = errno;
  const std::string owner = read_owner(descriptor_);
  ::close(descriptor_);
  if (reason == EWOULDBLOCK) {
    fail(ErrorCode::user, folder.string(), " is in use by ", owner,
         ": wait for it or stop it, or choose another folder");
  }
  fail(ErrorCode::io, "cannot lock ", folder.string(), ": ",
       std::system_category().message(reason));
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace ddim
