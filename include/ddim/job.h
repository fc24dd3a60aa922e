#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ddim/error.h"
#include "ddim/export.h"
#include "ddim/names.h"
#include "ddim/run_options.h"

namespace ddim {

/// How far a task is.
enum class JobState {
  running,
  done,
  failed,
  cancelled,  ///< by Job::cancel() or the stop of its RunOptions, before it was done
};

template <>
struct Names<JobState> {
  static constexpr Named<JobState> kAll[] = {{JobState::running, "running"},
                                             {JobState::done, "done"},
                                             {JobState::failed, "failed"},
                                             {JobState::cancelled, "cancelled"}};
  static constexpr std::span<const Named<JobState>> all() { return kAll; }
};

/// What a job is at, at one moment.
struct JobStatus {
  JobState state = JobState::running;
  RunProgress progress = {};  ///< of the call that runs at the moment
  double seconds = 0.0;       ///< since it began; when it has ended, that it took
  /// Of this call, if all goes on as before; none before its first evaluation.
  std::optional<double> seconds_left = {};
  std::string error = {};              ///< what Error says, of one that failed
  std::optional<ErrorCode> code = {};  ///< and its code
};

/// A task on a thread of its own, which can be watched and cancelled from any thread:
///
///     ddim::Samples samples;
///     ddim::Job job([&](const ddim::RunOptions& run) {
///       samples = ddim::sample(model, {.count = 16, .run = run});
///     });
///     while (!job.wait_for(std::chrono::milliseconds(100))) show(job.status());
///     job.wait();  // throws what the task threw
///
/// All functions may be called from several threads at once.
class DDIM_API Job {
 public:
  /// Hands the RunOptions that it is given to each call that is to be watched and cancelled, one
  /// after the other.
  using Task = std::function<void(const RunOptions& run)>;

  /// Starts `task`. `run` is what it is given, but that the job listens to its progress, too, and
  /// has a stop of its own.
  explicit Job(Task task, const RunOptions& run = {});
  /// Cancels, and waits.
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// How far it is. Does not wait.
  JobStatus status() const;
  /// Asks the task to end, which it does after the step that it is at. Without effect on one that
  /// has ended.
  void cancel();
  /// Waits for its end, at most so long; whether it has ended.
  bool wait_for(std::chrono::milliseconds time) const;
  /// Waits for its end, and throws what ended it.
  void wait() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ddim
