#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/pass.h"
#include "tensor/tensor.h"

namespace ddim::engine {

/// Which of the values derived from a parameter is meant. With the parameter's storage, this is
/// their whole identity.
struct DerivedKey {
  enum class Element { f32, f64, bf16 };

  std::string_view purpose;   ///< "winograd": a literal, one for each maker
  Pass pass = Pass::forward;  ///< forward, or backward_input
  Element element = Element::f32;
  int layout = 0;  ///< a number of the maker's, for layouts that differ in nothing else

  bool operator==(const DerivedKey&) const = default;
};

/// What a device and its workers keep that is computed from parameters: weights packed for a
/// kernel, transformed, or folded together. A value is made when it is first asked for, filled
/// again, in the same memory, when a parameter's version has risen (nobody may be computing with a
/// parameter while it is changed), and freed with the parameter. Thread-safe: the first worker to
/// ask fills, others that want a value of the same parameter wait.
class DerivedParameters {
 public:
  /// The parameters that a value is computed from. It belongs to the first.
  using Sources = std::span<const Tensor* const>;

  /// The value of `key`: made by make(), a std::shared_ptr<Value>, and filled by fill(Value&). A
  /// value of another device's parameters is made and filled for the caller alone.
  template <class Value, class Make, class Fill>
  std::shared_ptr<const Value> get(Sources sources, const DerivedKey& key, const Make& make,
                                   const Fill& fill);
  template <class Value, class Make, class Fill>
  std::shared_ptr<const Value> get(const Tensor& parameter, const DerivedKey& key, const Make& make,
                                   const Fill& fill) {
    const Tensor* const source = &parameter;
    return get<Value>(Sources(&source, 1), key, make, fill);
  }

  /// A value that one can do without: of `num_bytes`, and null when all such values would come to
  /// more than `max_bytes` with it. The answer for a parameter and key stays until release().
  struct Room {
    std::size_t num_bytes, max_bytes;
  };
  template <class Value, class Make, class Fill>
  std::shared_ptr<const Value> get_if_room(const Tensor& parameter, const DerivedKey& key,
                                           const Room& room, const Make& make, const Fill& fill);

  /// Whether it is a parameter of this device, or of one of its workers.
  bool keeps(const Tensor& parameter) const {
    return &parameter.device().derived_parameters() == this;
  }

  /// How often a value was filled: a sampling step must not raise it.
  std::int64_t num_fills() const { return num_fills_; }
  /// How many values there are.
  std::int64_t num_values() const { return num_values_; }

  /// Frees what was derived from a storage. Called by the storage's last tensor.
  void forget(std::uint64_t storage_id) noexcept;
  /// Frees all values but those that a worker is asking for or computes with; they are made again
  /// when they are asked for.
  void release();

 private:
  struct State {
    std::uint64_t storage_id, version;
    bool operator==(const State&) const = default;
  };
  struct Slot {
    DerivedKey key;
    std::optional<std::shared_ptr<void>> value;  // nullopt: not made yet; null: no room for it
    std::vector<State> filled_from;              // in the order of the sources
  };
  struct Entry {
    std::mutex mutex;
    std::vector<Slot> slots;
    std::size_t optional_bytes = 0;
  };

  std::shared_ptr<Entry> entry_of(const Tensor& parameter);
  static Slot& slot_of(Entry& entry, const DerivedKey& key);
  static bool is_current(const Slot& slot, Sources sources);
  static void mark_current(Slot& slot, Sources sources);
  bool take_room(Entry& entry, const Room& room);
  void give_room_back(Entry& entry, const Room& room);
  /// Those of an entry whose mutex the caller holds. They are to be destroyed without it: values
  /// hold tensors, which other values may be derived from.
  std::vector<Slot> take_slots(Entry& entry);
  // These two of an entry whose mutex the caller holds.
  template <class Value>
  void place(Slot& slot, std::shared_ptr<Value> value) {
    if (value != nullptr) ++num_values_;
    slot.value = std::move(value);
  }
  template <class Value, class Fill>
  std::shared_ptr<const Value> filled(Slot& slot, Sources sources, const Fill& fill) {
    if (*slot.value == nullptr) return nullptr;
    if (!is_current(slot, sources)) {
      slot.filled_from.clear();  // should fill() throw
      fill(*static_cast<Value*>(slot.value->get()));
      ++num_fills_;
      mark_current(slot, sources);
    }
    return std::static_pointer_cast<const Value>(*slot.value);
  }

  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Entry>> entries_;  // by the storage's id
  std::atomic<std::int64_t> num_fills_ = 0;
  std::atomic<std::int64_t> num_values_ = 0;
  std::atomic<std::size_t> optional_bytes_ = 0;
};

template <class Value, class Make, class Fill>
std::shared_ptr<const Value> DerivedParameters::get(Sources sources, const DerivedKey& key,
                                                    const Make& make, const Fill& fill) {
  if (!keeps(*sources.front())) {
    const std::shared_ptr<Value> value = make();
    fill(*value);
    return value;
  }
  const std::shared_ptr<Entry> entry = entry_of(*sources.front());
  const std::lock_guard lock(entry->mutex);
  Slot& slot = slot_of(*entry, key);
  if (!slot.value) place<Value>(slot, make());
  return filled<Value>(slot, sources, fill);
}

template <class Value, class Make, class Fill>
std::shared_ptr<const Value> DerivedParameters::get_if_room(const Tensor& parameter,
                                                            const DerivedKey& key, const Room& room,
                                                            const Make& make, const Fill& fill) {
  const std::shared_ptr<Entry> entry = entry_of(parameter);
  const std::lock_guard lock(entry->mutex);
  Slot& slot = slot_of(*entry, key);
  if (!slot.value) {
    const bool has_room = take_room(*entry, room);
    try {
      place<Value>(slot, has_room ? make() : nullptr);
    } catch (...) {  // the next who asks takes it again
      if (has_room) give_room_back(*entry, room);
      throw;
    }
  }
  const Tensor* const source = &parameter;
  return filled<Value>(slot, Sources(&source, 1), fill);
}

}  // namespace ddim::engine
