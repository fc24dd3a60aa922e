#include "backend/cpu/workspace.h"

#include <algorithm>
#include <new>

namespace ddim::cpu {
namespace {
constexpr std::align_val_t kAlignment{64};
}

void Workspace::Free::operator()(std::byte* data) const { ::operator delete(data, kAlignment); }

std::byte* Workspace::get(std::size_t num_bytes) {
  num_bytes = std::max<std::size_t>(num_bytes, 1);
  if (num_bytes > capacity_) {
    data_.reset();
    capacity_ = 0;
    data_.reset(static_cast<std::byte*>(::operator new(num_bytes, kAlignment)));
    capacity_ = num_bytes;
  }
  return data_.get();
}

}  // namespace ddim::cpu
