#include "interrupts.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>

namespace ddim::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStopWaiting = SIGUSR2;  // sent by the destructor to its own thread

bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, kStopWaiting}) sigaddset(&signals, signal);
  if (!is_ignored(SIGHUP)) sigaddset(&signals, SIGHUP);  // nohup
  return signals;
}

/// Tells a second request from the first one that comes twice.
class Patience {
 public:
  /// Whether this signal ends the process at once.
  bool ends_with(int signal) {
    using std::chrono::seconds;
    const Clock::time_point now = Clock::now();
    const Clock::time_point first = first_.emplace(signal, now).first->second;
    return (signal == SIGINT && now - first >= seconds(1)) ||
           (signal == SIGTERM && now - first >= seconds(5));
  }

 private:
  std::map<int, Clock::time_point> first_;  ///< of each signal
};

}  // namespace

struct Interrupts::State {
  std::stop_source source;
  std::atomic<bool> by_keyboard = false;
  std::atomic<bool> is_over = false;

  void wait_for_signals() {
    const sigset_t signals = watched_signals();
    Patience patience;
    int signal = 0;
    while (sigwait(&signals, &signal) == 0 && !is_over) {
      if (patience.ends_with(signal)) _exit(128 + signal);
      if (signal == SIGINT && !source.stop_requested()) by_keyboard = true;
      source.request_stop();
    }
  }
};

// Blocked here, so in all threads to come: signals reach the one that waits for them.
Interrupts::Interrupts() : state_(std::make_shared<State>()) {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::jthread([state = state_] { state->wait_for_signals(); });
}

Interrupts::~Interrupts() {
  if (state_->source.stop_requested()) {  // the rest of the same request may still come
    thread_.detach();
    return;
  }
  state_->is_over = true;
  pthread_kill(thread_.native_handle(), kStopWaiting);
  thread_.join();
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

std::stop_token Interrupts::token() const { return state_->source.get_token(); }

bool Interrupts::by_keyboard() const { return state_->by_keyboard; }

}  // namespace ddim::cli
