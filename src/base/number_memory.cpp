#include "base/number_memory.h"

#include <sys/mman.h>

#include <new>

namespace ddim::engine {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::align_val_t alignment_of(std::size_t num_bytes) {
  return std::align_val_t{num_bytes >= kHugePage ? kHugePage : kNumberAlignment};
}

}  // namespace

std::byte* allocate_numbers(std::size_t num_bytes) noexcept {
  void* const data = ::operator new(num_bytes, alignment_of(num_bytes), std::nothrow);
  // A wish: a system without huge pages refuses it, and the memory is as good.
  if (data != nullptr && num_bytes >= kHugePage)
    ::madvise(data, num_bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return static_cast<std::byte*>(data);
}

void free_numbers(std::byte* data, std::size_t num_bytes) noexcept {
  ::operator delete(data, alignment_of(num_bytes));
}

}  // namespace ddim::engine
