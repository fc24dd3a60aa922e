#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "base/error.h"

namespace ddim::engine::io {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  int reason = descriptor < 0 ? errno : 0;
  struct stat status {};
  if (reason == 0 && ::fstat(descriptor, &status) != 0) reason = errno;
  if (reason == 0 && S_ISDIR(status.st_mode)) reason = EISDIR;
  if (reason == 0 && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) {
      reason = errno;
    } else {
      bytes_ = {static_cast<const std::byte*>(address), size};
    }
  }
  if (descriptor >= 0) ::close(descriptor);
  if (reason != 0) {
    fail(ErrorCode::io, "cannot read ", path.string(), ": ",
         std::system_category().message(reason));
  }
}

MappedFile::~MappedFile() {
  if (is_mapped_ && !bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void release_pages(std::span<const std::byte> bytes) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t begin = (address + page - 1) / page * page;
  const std::uintptr_t end = (address + bytes.size()) / page * page;
  // Only advice: where it is not taken, nothing but memory is lost.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace ddim::engine::io
