#include <ddim/job.h>

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/error.h"

namespace ddim {

using namespace engine;
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

struct Job::Implementation {
  Implementation(Task given, const RunOptions& given_run)
      : task(std::move(given)),
        run(given_run),
        on_stop(given_run.stop, [this] { stop.request_stop(); }) {
    run.stop = stop.get_token();
    run.progress = [this, told = given_run.progress](const RunProgress& now) {
      {
        const std::lock_guard lock(mutex);
        if (now.evaluations_done < progress.evaluations_done) call_began = reported;  // another
        reported = Clock::now();
        progress = now;
      }
      if (told) told(now);
    };
    thread = std::jthread([this] { work(); });
  }

  void work() {
    std::exception_ptr thrown;
    try {
      task(run);
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    exception = thrown;
    state = !thrown                                     ? JobState::done
            : code_of(thrown) == ErrorCode::interrupted ? JobState::cancelled
                                                        : JobState::failed;
    ended = Clock::now();
    changed.notify_all();
  }

  /// In the job's own thread: takes no memory, so that nothing is thrown there.
  static ErrorCode code_of(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& problem) {
      return problem.code();
    } catch (const std::bad_alloc&) {
      return ErrorCode::user;
    } catch (const std::filesystem::filesystem_error&) {
      return ErrorCode::io;
    } catch (...) {
      return ErrorCode::internal;
    }
  }

  const Task task;
  RunOptions run;
  std::stop_source stop;
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  JobState state = JobState::running;
  RunProgress progress;
  const Clock::time_point began = Clock::now();
  Clock::time_point call_began = began;
  Clock::time_point reported = began;
  Clock::time_point ended = began;
  std::exception_ptr exception;
  std::jthread thread;
  const std::stop_callback<std::function<void()>> on_stop;
};

Job::Job(Task task, const RunOptions& run)
    : implementation_(std::make_unique<Implementation>(std::move(task), run)) {}

Job::~Job() { cancel(); }  // and waits

JobStatus Job::status() const {
  const Implementation& job = *implementation_;
  const std::lock_guard lock(job.mutex);
  const Clock::time_point now = job.state == JobState::running ? Clock::now() : job.ended;
  JobStatus status{.state = job.state,
                   .progress = job.progress,
                   .seconds = seconds_between(job.began, now),
                   .seconds_left = {},
                   .error = {},
                   .code = {}};
  if (job.exception) {
    status.error = as_error(job.exception).what();
    status.code = Implementation::code_of(job.exception);
  }
  const RunProgress& progress = job.progress;
  if (job.state != JobState::running) {
    status.seconds_left = 0.0;
  } else if (progress.evaluations_done > 0) {
    status.seconds_left = seconds_between(job.call_began, now) *
                          static_cast<double>(progress.evaluations - progress.evaluations_done) /
                          static_cast<double>(progress.evaluations_done);
  }
  return status;
}

void Job::cancel() { implementation_->stop.request_stop(); }

bool Job::wait_for(std::chrono::milliseconds time) const {
  const Implementation& job = *implementation_;
  std::unique_lock lock(job.mutex);
  return job.changed.wait_for(lock, time, [&] { return job.state != JobState::running; });
}

void Job::wait() const {
  const Implementation& job = *implementation_;
  std::unique_lock lock(job.mutex);
  job.changed.wait(lock, [&] { return job.state != JobState::running; });
  if (job.exception) std::rethrow_exception(job.exception);
}

}  // namespace ddim
