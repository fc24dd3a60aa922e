#include "backend/cuda/emulated_memory.h"

#include <execinfo.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace ddim::engine::cuda::emulation {
namespace {

constexpr std::size_t kAlignment = 256;  // of cudaMalloc
constexpr std::size_t kGap = 256;        // between blocks, which nobody may touch

void forbid([[maybe_unused]] const std::byte* data, [[maybe_unused]] std::size_t num_bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(data, num_bytes);
#endif
}
void permit([[maybe_unused]] const std::byte* data, [[maybe_unused]] std::size_t num_bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(data, num_bytes);
#endif
}

[[noreturn]] void stop(const char* what) {
  std::fprintf(stderr, "emulated GPU: %s\n", what);
  std::abort();
}

/// Addresses of the device: the same range of the process from the first block on.
class Memory {
 public:
  void* allocate(std::size_t num_bytes) {
    const std::lock_guard lock(mutex_);
    if (begin_ == nullptr) reserve();
    if (num_bytes > kMemoryBytes) return nullptr;
    std::size_t place = 0;  // first fit
    for (const auto& [at, size] : blocks_) {
      if (at - place >= num_bytes + kGap) break;
      place = round_up(at + size + kGap);
    }
    if (place + num_bytes + kGap > kMemoryBytes) return nullptr;
    blocks_.emplace(place, num_bytes);
    in_use_ += num_bytes;
    const std::size_t end = round_to_page(place + num_bytes);
    if (end > opened_end_) {
      opened_end_ = end;
      if (num_accesses_ > 0) protect(PROT_READ | PROT_WRITE);
    }
    permit(begin_ + place, num_bytes);
    forbid(begin_ + place + num_bytes, kGap);
    return begin_ + place;
  }

  void free(void* data) noexcept {
    if (data == nullptr) return;
    const std::lock_guard lock(mutex_);
    const auto block = blocks_.find(place_of(data));
    if (block == blocks_.end()) stop("memory is freed that was not allocated");
    in_use_ -= block->second;
    forbid(begin_ + block->first, block->second);
    // Whole pages go back to the system.
    const std::size_t first = round_to_page(block->first);
    const std::size_t end = (block->first + block->second) / page_ * page_;
    if (end > first) madvise(begin_ + first, end - first, MADV_DONTNEED);
    blocks_.erase(block);
  }

  std::size_t free_bytes() {
    const std::lock_guard lock(mutex_);
    return kMemoryBytes - in_use_;
  }

  bool holds(const void* data, std::size_t num_bytes) {
    const std::lock_guard lock(mutex_);
    if (!is_within(data)) return false;
    const std::size_t place = place_of(data);
    auto block = blocks_.upper_bound(place);
    if (block == blocks_.begin()) return false;
    --block;
    return place + num_bytes <= block->first + block->second;
  }

  /// Of an address only: also for a signal's handler.
  bool is_within(const void* data) const {
    const auto* byte = static_cast<const std::byte*>(data);
    return begin_ != nullptr && byte >= begin_ && byte < begin_ + kMemoryBytes;
  }
  std::size_t place_of(const void* data) const {
    return static_cast<std::size_t>(static_cast<const std::byte*>(data) - begin_);
  }

  void open() {
    const std::lock_guard lock(mutex_);
    if (num_accesses_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    if (--num_accesses_ == 0) protect(PROT_NONE);
  }

 private:
  static std::size_t round_up(std::size_t n) {
    return (n + kAlignment - 1) / kAlignment * kAlignment;
  }
  std::size_t round_to_page(std::size_t n) const { return (n + page_ - 1) / page_ * page_; }

  void reserve();
  void protect(int protection) {
    if (opened_end_ > 0 && mprotect(begin_, opened_end_, protection) != 0)
      stop("the system refuses to protect its memory");
  }

  std::mutex mutex_;
  std::byte* begin_ = nullptr;
  const std::size_t page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::map<std::size_t, std::size_t> blocks_;  // place: bytes
  std::size_t in_use_ = 0;
  std::size_t opened_end_ = 0;  // what was never allocated is never opened
  int num_accesses_ = 0;
};

/// Never destroyed: devices may outlive other objects of the process.
Memory& memory() {
  static auto* const all = new Memory;
  return *all;
}

struct sigaction before {};

void report_access(int number, siginfo_t* info, void*) {
  if (!memory().is_within(info->si_addr)) {  // somebody else's: it happens again, for them
    sigaction(number, &before, nullptr);
    return;
  }
  char text[256];
  const int length =
      std::snprintf(text, sizeof text,
                    "emulated GPU: the host reads or writes memory of the device, byte %zu of it; "
                    "tensor/host_values.h has what works on every device\n",
                    memory().place_of(info->si_addr));
  if (write(STDERR_FILENO, text, static_cast<std::size_t>(length)) < 0) std::abort();
  void* frames[32];
  backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
  std::abort();
}

void Memory::reserve() {
  void* range =
      mmap(nullptr, kMemoryBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) stop("the system has no addresses for its memory");
  begin_ = static_cast<std::byte*>(range);
  struct sigaction action {};
  action.sa_sigaction = report_access;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGSEGV, &action, &before) != 0) stop("the system takes no handler of a signal");
}

}  // namespace

void* allocate_memory(std::size_t num_bytes) { return memory().allocate(num_bytes); }
void free_memory(void* data) noexcept { memory().free(data); }
std::size_t free_memory_bytes() { return memory().free_bytes(); }
bool is_device_memory(const void* data, std::size_t num_bytes) {
  return memory().holds(data, num_bytes);
}

MemoryAccess::MemoryAccess() { memory().open(); }
MemoryAccess::~MemoryAccess() { memory().close(); }

}  // namespace ddim::engine::cuda::emulation
