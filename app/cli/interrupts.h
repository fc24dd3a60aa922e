#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace ddim::cli {

/// While this lives, SIGINT (Ctrl-C), SIGTERM, SIGUSR1 and SIGHUP (a closed terminal; not under
/// nohup) request a stop instead of ending the process. A second SIGINT, SIGTERM or SIGHUP ends it
/// at once, also where it waits for a file, with exit code 128 + the signal's number (130 for
/// Ctrl-C). A closed pipe is an error of the write, not the end of the process: nobody who reads
/// the progress of a run can end it by going away. Make it before other threads start.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  std::stop_token token() const { return source_.get_token(); }
  /// Whether the stop was asked for by SIGINT, not by another signal.
  bool by_keyboard() const { return by_keyboard_; }

 private:
  void wait_for_signals();

  std::stop_source source_;
  std::atomic<bool> by_keyboard_ = false;
  std::jthread thread_;
};

}  // namespace ddim::cli
