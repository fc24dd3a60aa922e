#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace ddim::server {

/// What happened to a job, numbered from 1, for whoever listens now or comes later. Of events with
/// the same key (progress, the preview of the same pictures) only the last is kept, so that memory
/// does not grow with time. May be used from all threads.
class EventLog {
 public:
  struct Event {
    std::uint64_t id = 0;
    std::string type;
    std::string data;  ///< JSON, one line
  };
  /// Called, from any thread, when there is something new. Must not wait.
  using Listener = std::function<void()>;

  void add(const std::string& key, std::string_view type, std::string data);
  /// The same, and nothing comes after it; all before it is forgotten.
  void add_last(const std::string& key, std::string_view type, std::string data);

  /// Of the events that are kept with numbers above `id`, the first; nullptr where there is none.
  std::shared_ptr<const Event> next(std::uint64_t id) const;
  std::uint64_t last_id() const;  ///< of all that ever were
  bool is_complete() const;

  /// Until remove_listener() with the number that it returns.
  std::uint64_t add_listener(Listener listener);
  void remove_listener(std::uint64_t number);

 private:
  void add_and_tell(const std::string& key, std::string_view type, std::string data, bool last);

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Event>> by_key_;
  std::uint64_t last_id_ = 0;
  bool complete_ = false;
  std::map<std::uint64_t, Listener> listeners_;
  std::uint64_t num_listeners_ever_ = 0;
};

}  // namespace ddim::server
