#include "tensor/derived_parameters.h"

#include <algorithm>
#include <cassert>

namespace ddim::engine {

std::shared_ptr<DerivedParameters::Entry> DerivedParameters::entry_of(const Tensor& parameter) {
  assert(keeps(parameter) && "a parameter of another device");
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[parameter.storage_id()];
  if (entry == nullptr) {
    entry = std::make_shared<Entry>();
    parameter.mark_derived_from();
  }
  return entry;
}

DerivedParameters::Slot& DerivedParameters::slot_of(Entry& entry, const DerivedKey& key) {
  const auto found = std::ranges::find(entry.slots, key, &Slot::key);
  if (found != entry.slots.end()) return *found;
  return entry.slots.emplace_back(Slot{.key = key, .value = {}, .filled_from = {}});
}

bool DerivedParameters::is_current(const Slot& slot, Sources sources) {
  return std::ranges::equal(slot.filled_from, sources,
                            [](const State& state, const Tensor* source) {
                              return state == State{source->storage_id(), source->version()};
                            });
}

void DerivedParameters::mark_current(Slot& slot, Sources sources) {
  for (const Tensor* source : sources)
    slot.filled_from.push_back({source->storage_id(), source->version()});
}

bool DerivedParameters::take_room(Entry& entry, const Room& room) {
  if (optional_bytes_.fetch_add(room.num_bytes) + room.num_bytes > room.max_bytes) {
    optional_bytes_ -= room.num_bytes;
    return false;
  }
  entry.optional_bytes += room.num_bytes;
  return true;
}

void DerivedParameters::give_room_back(Entry& entry, const Room& room) {
  optional_bytes_ -= room.num_bytes;
  entry.optional_bytes -= room.num_bytes;
}

void DerivedParameters::forget(std::uint64_t storage_id) noexcept {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.extract(storage_id); !found.empty())
      entry = std::move(found.mapped());
  }
  if (entry == nullptr) return;
  const std::vector<Slot> forgotten = [&] {  // destroyed without the lock
    const std::lock_guard lock(entry->mutex);
    return take_slots(*entry);
  }();
}

std::vector<DerivedParameters::Slot> DerivedParameters::take_slots(Entry& entry) {
  optional_bytes_ -= std::exchange(entry.optional_bytes, 0);
  num_values_ -= std::ranges::count_if(
      entry.slots, [](const Slot& slot) { return slot.value.value_or(nullptr) != nullptr; });
  return std::exchange(entry.slots, {});
}

void DerivedParameters::release() {
  std::vector<std::shared_ptr<Entry>> entries;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) entries.push_back(entry);
  }
  for (const std::shared_ptr<Entry>& entry : entries) {
    std::vector<Slot> released;  // destroyed without the lock
    const std::unique_lock lock(entry->mutex, std::try_to_lock);
    if (lock) released = take_slots(*entry);
  }
}

}  // namespace ddim::engine
