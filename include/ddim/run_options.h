#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace ddim {

/// Whether a long task shows its progress on the standard error stream: a bar on a terminal, a line
/// now and then elsewhere.
enum class ShowProgress { no, on_stderr };

/// The largest number of threads that is taken.
inline constexpr int kMaxThreads = 1024;

/// How far a run is.
struct RunProgress {
  std::int64_t evaluations_done = 0;  ///< of the network, summed over pictures
  std::int64_t evaluations = 0;
};

/// How a network is run over pictures. None of it affects a result.
struct RunOptions {
  std::int64_t batch = 16;  ///< most pictures in work at once
  int threads = 0;          ///< 0: one per processor
  ShowProgress show_progress = ShowProgress::no;
  std::function<void(const RunProgress&)> progress = {};  ///< one call at a time, from any thread
  std::stop_token stop = {};                              ///< ends the run with Error(interrupted)
  std::string label = {};  ///< what progress that is shown is called, such as "encoding"
};

}  // namespace ddim
