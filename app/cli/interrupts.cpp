#include "interrupts.h"

#include <fmt/core.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>

namespace ddim::cli {
namespace {

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

}  // namespace

// Blocked here, so in all threads to come: signals reach the one that waits for them.
Interrupts::Interrupts() {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::jthread([this] { wait_for_signals(); });
}

Interrupts::~Interrupts() {
  pthread_kill(thread_.native_handle(), kStopWaiting);
  thread_.join();
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void Interrupts::wait_for_signals() {
  const sigset_t signals = watched_signals();
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal != kStopWaiting) {
    if (signal != SIGUSR1 && source_.stop_requested()) _exit(128 + signal);
    if (signal == SIGINT) by_keyboard_ = true;
    source_.request_stop();
  }
}

}  // namespace ddim::cli
