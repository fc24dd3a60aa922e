#include "tensor/arena.h"

#include <algorithm>
#include <cassert>

#include "base/error.h"

namespace ddim::engine {
namespace {

std::size_t round_up(std::size_t num_bytes) {
  return std::max(Arena::kAlignment,
                  (num_bytes + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment);
}

class HostMemory final : public MemorySource {
 public:
  std::byte* allocate(std::size_t num_bytes) override {
    std::byte* const data = allocate_numbers(num_bytes);
    if (data == nullptr)
      fail(ErrorCode::user, "the system cannot provide ", num_bytes,
           " bytes of memory; use a smaller batch");
    return data;
  }
  void deallocate(std::byte* data, std::size_t num_bytes) noexcept override {
    free_numbers(data, num_bytes);
  }
  /// Two huge pages.
  std::size_t min_bytes() const override { return std::size_t{4} << 20; }
};

class NoMemory final : public MemorySource {
 public:
  std::byte* allocate(std::size_t num_bytes) override {
    const std::uintptr_t address = next_;
    next_ += round_up(num_bytes) + Arena::kAlignment;
    return reinterpret_cast<std::byte*>(address);  // NOLINT: never dereferenced
  }
  void deallocate(std::byte*, std::size_t) noexcept override {}
  std::size_t min_bytes() const override { return std::size_t{1} << 46; }

 private:
  std::uintptr_t next_ = Arena::kAlignment;
};

std::uint64_t next_storage_id() {
  static std::atomic<std::uint64_t> next{1};
  return next++;
}

}  // namespace

std::unique_ptr<MemorySource> make_host_memory() { return std::make_unique<HostMemory>(); }
std::unique_ptr<MemorySource> make_no_memory() { return std::make_unique<NoMemory>(); }

Arena::~Arena() {
  assert(bytes_in_use_ == 0 && "a tensor outlives its device");
  for (const Chunk& chunk : chunks_) source_->deallocate(chunk.data, chunk.num_bytes);
}

void Arena::add_chunk(std::size_t num_bytes) {
  std::byte* data = source_->allocate(num_bytes);
  ++num_system_allocations_;
  chunks_.push_back({data, num_bytes, 0});
  const auto position = std::ranges::lower_bound(free_blocks_, data, {}, &FreeBlock::data);
  free_blocks_.insert(position, {data, num_bytes, chunks_.size() - 1});
}

bool Arena::ends_its_chunk(const FreeBlock& block) const {
  const Chunk& chunk = chunks_[block.chunk];
  return block.data + block.num_bytes == chunk.data + chunk.num_bytes;
}

Storage* Arena::allocate(std::size_t num_bytes) {
  const std::size_t needed = round_up(num_bytes);
  const std::lock_guard lock(mutex_);
  const auto best_fit = [&] {
    const auto is_better = [&](const FreeBlock& a, const FreeBlock& b) {
      const bool a_is_end = ends_its_chunk(a);
      const bool b_is_end = ends_its_chunk(b);
      return a_is_end != b_is_end ? b_is_end : a.num_bytes < b.num_bytes;
    };
    auto best = free_blocks_.end();
    for (auto block = free_blocks_.begin(); block != free_blocks_.end(); ++block) {
      if (block->num_bytes >= needed && (best == free_blocks_.end() || is_better(*block, *best)))
        best = block;
    }
    return best;
  };
  auto block = best_fit();
  if (block == free_blocks_.end()) {
    add_chunk(std::max(needed, source_->min_bytes()));
    block = best_fit();
  }
  std::byte* data = block->data;
  Chunk& chunk = chunks_[block->chunk];
  const auto end = static_cast<std::size_t>(data - chunk.data) + needed;
  chunk.peak_bytes = std::max(chunk.peak_bytes, end);
  block->data += needed;
  block->num_bytes -= needed;
  if (block->num_bytes == 0) free_blocks_.erase(block);

  if (idle_storages_.empty()) {
    storages_.push_back(std::make_unique<Storage>());
    idle_storages_.reserve(storages_.size());  // so that release() never allocates
    free_blocks_.reserve(2 * storages_.size() + chunks_.size() + 1);
    idle_storages_.push_back(storages_.back().get());
  }
  Storage* storage = idle_storages_.back();
  idle_storages_.pop_back();
  storage->data = data;
  storage->num_bytes = needed;
  storage->id = next_storage_id();
  storage->version = 0;
  storage->has_derived = false;
  storage->arena = this;
  bytes_in_use_ += needed;
  return storage;
}

void Arena::release(Storage* storage) noexcept {
  const std::lock_guard lock(mutex_);
  bytes_in_use_ -= storage->num_bytes;
  const auto chunk = std::ranges::find_if(chunks_, [&](const Chunk& c) {
    return storage->data >= c.data && storage->data < c.data + c.num_bytes;
  });
  const auto chunk_index = static_cast<std::size_t>(chunk - chunks_.begin());
  auto next = std::ranges::lower_bound(free_blocks_, storage->data, {}, &FreeBlock::data);
  const bool joins_next = next != free_blocks_.end() && next->chunk == chunk_index &&
                          storage->data + storage->num_bytes == next->data;
  const bool joins_previous = next != free_blocks_.begin() &&
                              std::prev(next)->chunk == chunk_index &&
                              std::prev(next)->data + std::prev(next)->num_bytes == storage->data;
  if (joins_previous) {
    std::prev(next)->num_bytes += storage->num_bytes + (joins_next ? next->num_bytes : 0);
    if (joins_next) free_blocks_.erase(next);
  } else if (joins_next) {
    next->data = storage->data;
    next->num_bytes += storage->num_bytes;
  } else {
    free_blocks_.insert(next, {storage->data, storage->num_bytes, chunk_index});
  }
  idle_storages_.push_back(storage);
}

void Arena::reserve(std::size_t num_bytes) {
  const std::lock_guard lock(mutex_);
  for (const FreeBlock& block : free_blocks_) {
    if (block.num_bytes >= num_bytes) return;
  }
  if (num_bytes > 0) add_chunk(round_up(num_bytes));
}

std::size_t Arena::bytes_in_use() const {
  const std::lock_guard lock(mutex_);
  return bytes_in_use_;
}
std::size_t Arena::peak_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t total = 0;
  for (const Chunk& chunk : chunks_) total += chunk.peak_bytes;
  return total;
}
void Arena::reset_peak() {
  const std::lock_guard lock(mutex_);
  for (Chunk& chunk : chunks_) chunk.peak_bytes = chunk.num_bytes;
  for (const FreeBlock& block : free_blocks_) {
    if (ends_its_chunk(block)) chunks_[block.chunk].peak_bytes -= block.num_bytes;
  }
}
std::int64_t Arena::num_system_allocations() const {
  const std::lock_guard lock(mutex_);
  return num_system_allocations_;
}

}  // namespace ddim::engine
