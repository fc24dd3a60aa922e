#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/number_memory.h"

namespace ddim::engine {

class Arena;

/// One block of memory and the handles that look at it. Made and recycled by an Arena.
struct Storage {
  std::byte* data = nullptr;
  std::size_t num_bytes = 0;
  std::uint64_t id = 0;                   ///< unique over the process, never reused
  std::atomic<std::uint64_t> version{0};  ///< rises with each change in place
  std::atomic<bool> has_derived{false};   ///< see DerivedParameters
  std::atomic<int> num_handles{0};
  Arena* arena = nullptr;
};

/// Where the bytes behind an arena come from.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// Returns `num_bytes` bytes aligned to Arena::kAlignment. Throws Error when there are none.
  virtual std::byte* allocate(std::size_t num_bytes) = 0;
  virtual void deallocate(std::byte* data, std::size_t num_bytes) noexcept = 0;
  /// An arena asks for no less at a time.
  virtual std::size_t min_bytes() const { return std::size_t{1} << 20; }
};

/// Host memory, by allocate_numbers().
std::unique_ptr<MemorySource> make_host_memory();
/// Addresses without memory behind them: for planning, where nobody reads or writes.
std::unique_ptr<MemorySource> make_no_memory();

/// Memory for tensors: best fit within few large chunks, neighbours merged on release; the
/// untouched end of a chunk is used only when no gap fits. So the same sequence of requests gives
/// the same places in every chunk that is large enough, and the peak of a dry run, whose chunk has
/// no end, is exactly what the real run needs: reserve() takes it in one piece and nothing is asked
/// of the system afterwards. Thread-safe; each worker has its own, so the lock is not contended.
class Arena {
 public:
  static constexpr std::size_t kAlignment = kNumberAlignment;

  explicit Arena(std::unique_ptr<MemorySource> source) : source_(std::move(source)) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// A block of at least `num_bytes`, with no handle yet.
  Storage* allocate(std::size_t num_bytes);
  /// Called by the last handle.
  void release(Storage* storage) noexcept;

  /// Makes sure that `num_bytes` can be handed out without asking the system, if nothing is in use.
  void reserve(std::size_t num_bytes);

  std::size_t bytes_in_use() const;
  /// The most that was needed at a time, gaps between blocks included.
  std::size_t peak_bytes() const;
  void reset_peak();
  /// How often the system was asked for memory: a sampling step must not raise it.
  std::int64_t num_system_allocations() const;

 private:
  struct Chunk {
    std::byte* data;
    std::size_t num_bytes;
    std::size_t peak_bytes;  // the furthest end of a block, from the chunk's start
  };
  struct FreeBlock {  // sorted by address; never spans two chunks
    std::byte* data;
    std::size_t num_bytes;
    std::size_t chunk;
  };
  void add_chunk(std::size_t num_bytes);
  bool ends_its_chunk(const FreeBlock& block) const;

  std::unique_ptr<MemorySource> source_;
  mutable std::mutex mutex_;
  std::vector<Chunk> chunks_;
  std::vector<FreeBlock> free_blocks_;
  std::vector<std::unique_ptr<Storage>> storages_;
  std::vector<Storage*> idle_storages_;
  std::size_t bytes_in_use_ = 0;
  std::int64_t num_system_allocations_ = 0;
};

}  // namespace ddim::engine
