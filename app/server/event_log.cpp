#include "event_log.h"

#include <new>
#include <utility>

namespace ddim::server {

void EventLog::add(const std::string& key, std::string_view type, std::string data) {
  add_and_tell(key, type, std::move(data), false);
}

void EventLog::add_last(const std::string& key, std::string_view type, std::string data) {
  add_and_tell(key, type, std::move(data), true);
}

// Listeners are told under the lock: one that has been removed is not called any more.
void EventLog::add_and_tell(const std::string& key, std::string_view type, std::string data,
                            bool last) {
  const std::lock_guard lock(mutex_);
  if (complete_) return;
  auto event =
      std::make_shared<const Event>(Event{last_id_ + 1, std::string(type), std::move(data)});
  if (last) {
    by_key_ = {{key, std::move(event)}};
  } else {
    by_key_[key] = std::move(event);
  }
  ++last_id_;
  complete_ = last;
  for (const auto& [number, listener] : listeners_) {
    try {
      listener();
    } catch (const std::bad_alloc&) {  // it is told with the next event, or looks by itself
    }
  }
}

std::shared_ptr<const EventLog::Event> EventLog::next(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Event> first;
  for (const auto& [key, event] : by_key_)
    if (event->id > id && (!first || event->id < first->id)) first = event;
  return first;
}

std::uint64_t EventLog::last_id() const {
  const std::lock_guard lock(mutex_);
  return last_id_;
}

bool EventLog::is_complete() const {
  const std::lock_guard lock(mutex_);
  return complete_;
}

std::uint64_t EventLog::add_listener(Listener listener) {
  const std::lock_guard lock(mutex_);
  listeners_[++num_listeners_ever_] = std::move(listener);
  return num_listeners_ever_;
}

void EventLog::remove_listener(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(number);
}

}  // namespace ddim::server
