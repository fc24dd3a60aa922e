#include "runs.h"

#include <unistd.h>

#include <set>

namespace ddim::python {
namespace {

class Runs {
 public:
  void begin(std::stop_source& stop) {
    const std::lock_guard lock(mutex_);
    if (has_ended_) throw Error(ErrorCode::interrupted, "the interpreter ends");
    running_.insert(&stop);
  }
  void end(std::stop_source& stop) {
    const std::lock_guard lock(mutex_);
    running_.erase(&stop);
    changed_.notify_all();
  }
  void end_all() {
    if (::getpid() != owner_) return;  // after a fork, whose runs go on in the parent
    std::unique_lock lock(mutex_);
    has_ended_ = true;
    for (std::stop_source* stop : running_) stop->request_stop();
    changed_.wait(lock, [&] { return running_.empty(); });
  }

 private:
  const pid_t owner_ = ::getpid();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::stop_source*> running_;
  bool has_ended_ = false;
};

Runs& all_runs() {
  static Runs& runs = *new Runs;  // never destroyed: daemon threads may outlive what is static
  return runs;
}

}  // namespace

Running::Running(std::stop_source& stop) : stop_(stop) { all_runs().begin(stop_); }

Running::~Running() { all_runs().end(stop_); }

void end_all_runs() { all_runs().end_all(); }

}  // namespace ddim::python
