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

void DerivedParameters::forget(std::uint64_t storage_id) noexcept {
  decltype(entries_)::node_type forgotten;  // destroyed without the lock: values hold tensors
  {
    const std::lock_guard lock(mutex_);
    forgotten = entries_.extract(storage_id);
  }
  if (forgotten.empty()) return;
  const Entry& entry = *forgotten.mapped();
  optional_bytes_ -= entry.optional_bytes;
  num_values_ -= entry.num_values();
}

void DerivedParameters::release() {
  std::vector<std::shared_ptr<Entry>> entries;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) entries.push_back(entry);
  }
  for (const std::shared_ptr<Entry>& entry : entries) {
    std::vector<Slot> released;  // destroyed without the lock: values hold tensors
    const std::unique_lock lock(entry->mutex, std::try_to_lock);
    if (!lock) continue;
    optional_bytes_ -= std::exchange(entry->optional_bytes, 0);
    num_values_ -= entry->num_values();
    released.swap(entry->slots);
  }
}

std::int64_t DerivedParameters::Entry::num_values() const {
  return std::ranges::count_if(
      slots, [](const Slot& slot) { return slot.value.value_or(nullptr) != nullptr; });
}

}  // namespace ddim::engine
