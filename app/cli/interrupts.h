#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace ddim::cli {

/// While this lives, SIGINT (Ctrl-C), SIGTERM and SIGUSR1 request a stop instead of ending the
/// process. A second SIGINT ends it at once with exit code 130. Make it before other threads start.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  std::stop_token token() const { return source_.get_token(); }
  /// Whether the stop was asked for by SIGINT, not by SIGTERM or SIGUSR1.
  bool by_keyboard() const { return by_keyboard_; }

 private:
  void wait_for_signals();

  std::stop_source source_;
  std::atomic<bool> by_keyboard_ = false;
  std::thread thread_;
};

}  // namespace ddim::cli
