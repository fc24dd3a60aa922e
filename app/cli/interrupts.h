#pragma once

#include <memory>
#include <stop_token>
#include <thread>

namespace ddim::cli {

/// While this lives, SIGINT (Ctrl-C), SIGTERM, SIGUSR1, SIGUSR2 and SIGHUP (a closed terminal; not
/// under nohup) request a stop instead of ending the process. One request often comes as several
/// signals: a shell passes on what the kernel sends too, and `timeout` sends to a process and to
/// its group. So only a SIGINT at least a second after the first SIGINT, or a SIGTERM at least five
/// seconds after the first SIGTERM, ends the process at once, also where it waits for a file, with
/// exit code 128 + the signal's number (130 for Ctrl-C). A process that was asked to stop keeps to
/// that until its end. A closed pipe is an error of the write, not the end of the process: nobody
/// who reads the progress of a run can end it by going away. Make it before other threads start.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  std::stop_token token() const;
  /// Whether the stop was asked for by SIGINT, not by another signal.
  bool by_keyboard() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::jthread thread_;
};

}  // namespace ddim::cli
