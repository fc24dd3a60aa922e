// How bytes of the host go to a GPU while the host goes on: through memory that the GPU reads by
// itself (pinned), in two halves that take turns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace ddim::engine::cuda {

/// `Copier` has the pinned memory, and returns null or an error as the functions of a library:
///   std::byte* half(int)                     where a half begins
///   const char* begin(const std::byte* from, std::byte* to, std::size_t num_bytes)
///   const char* mark(int half)               after the copies of a half that were begun
///   const char* wait(int half)               until those before its mark are done
template <class Copier>
class Staging {
 public:
  Staging(Copier copier, std::size_t half_bytes) : copier_(copier), half_bytes_(half_bytes) {}

  /// `from` may be changed as soon as this returns.
  const char* copy(const void* from, void* to, std::size_t num_bytes) {
    const auto* source = static_cast<const std::byte*>(from);
    auto* target = static_cast<std::byte*>(to);
    while (num_bytes > 0) {
      if (used_ == half_bytes_) {
        if (const char* error = copier_.mark(half_)) return error;
        half_ = 1 - half_;
        used_ = 0;
        if (const char* error = copier_.wait(half_)) return error;
      }
      const std::size_t count = std::min(num_bytes, half_bytes_ - used_);
      std::byte* const pinned = copier_.half(half_) + used_;
      std::memcpy(pinned, source, count);
      if (const char* error = copier_.begin(pinned, target, count)) return error;
      used_ = std::min(half_bytes_, (used_ + count + 255) / 256 * 256);
      source += count;
      target += count;
      num_bytes -= count;
    }
    return nullptr;
  }

 private:
  Copier copier_;
  std::size_t half_bytes_;
  std::size_t used_ = 0;  // of the half
  int half_ = 0;
};

}  // namespace ddim::engine::cuda
