#include "io/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <system_error>

#include "base/error.h"
#include "base/file_system.h"

namespace ddim::engine::io {
namespace {

std::uintptr_t page_size() {
  static const auto size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// Where a mapped file has become shorter, the system has nothing to show, and sends SIGBUS. A
// signal has one handler in a process, and all that it can see are variables like these.

/// The addresses of a mapped file. `begin` is set last and cleared first.
struct MappedRange {
  std::atomic<bool> is_taken = false;
  std::atomic<std::uintptr_t> begin = 0, end = 0;
};
/// More files at a time are not protected.
constinit std::array<MappedRange, 2048> mapped_ranges;
struct sigaction handler_before {};

/// Puts zeros where the file has nothing any more. A fault of another kind goes to who was there
/// before.
void on_bus_error(int, siginfo_t* info, void*) {
  const int reason = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (const MappedRange& range : mapped_ranges) {
    const std::uintptr_t begin = range.begin.load(), end = range.end.load();
    if (begin == 0 || address < begin || address >= end) continue;
    const std::uintptr_t page = address / page_size() * page_size();
    void* const zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros == MAP_FAILED) break;
    errno = reason;
    return;
  }
  ::sigaction(SIGBUS, &handler_before, nullptr);
  errno = reason;
}

void protect(std::span<const std::byte> bytes) {
  static std::once_flag installed;
  std::call_once(installed, [] {
    page_size();
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &handler_before);
  });
  for (MappedRange& range : mapped_ranges) {
    if (range.is_taken.exchange(true)) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
    range.end = begin + bytes.size();
    range.begin = begin;
    return;
  }
}

void stop_protecting(std::span<const std::byte> bytes) {
  for (MappedRange& range : mapped_ranges) {
    if (range.begin != reinterpret_cast<std::uintptr_t>(bytes.data())) continue;
    range.begin = 0;
    range.end = 0;
    range.is_taken = false;
    return;
  }
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const int descriptor = system_calls().open(path.c_str(), O_RDONLY | O_CLOEXEC, 0);
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
      protect(bytes_);
    }
  }
  if (reason != 0) {
    if (descriptor >= 0) ::close(descriptor);
    fail(ErrorCode::io, "cannot read ", path.string(), ": ",
         std::system_category().message(reason));
  }
  descriptor_ = descriptor;
}

MappedFile::~MappedFile() {
  if (descriptor_ < 0) return;
  if (!bytes_.empty()) {
    stop_protecting(bytes_);
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  ::close(descriptor_);
}

void MappedFile::require_whole() const {
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) return;
  if (static_cast<std::size_t>(status.st_size) < bytes_.size())
    fail(ErrorCode::corrupt, path_.string(), ": another program has shortened this file, from ",
         bytes_.size(), " to ", status.st_size, " bytes, while it was read; try again");
}

void require_whole(const std::vector<std::shared_ptr<const MappedFile>>& files) {
  for (const auto& file : files) file->require_whole();
}

void release_pages(std::span<const std::byte> bytes) {
  const std::uintptr_t page = page_size();
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t begin = (address + page - 1) / page * page;
  const std::uintptr_t end = (address + bytes.size()) / page * page;
  // Only advice: where it is not taken, nothing but memory is lost.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace ddim::engine::io
