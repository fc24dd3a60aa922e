#pragma once

#include <ddim/error.h>
#include <ddim/run_options.h>
#include <nanobind/nanobind.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace ddim::python {

namespace nb = nanobind;

/// One of the calls of run() that go on. They must end before the interpreter does: a daemon thread
/// that comes out of one afterwards finds no interpreter to go on in.
class Running {
 public:
  explicit Running(std::stop_source& stop);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::stop_source& stop_;
};

/// Stops them all, and waits. The interpreter's lock must be free.
void end_all_runs();

/// Calls `work` in a thread of its own, without the interpreter's lock, and looks for Ctrl-C
/// meanwhile, which stops it.
template <class Work>
auto run(Work&& work) {
  using Result = decltype(work(std::stop_token()));
  std::stop_source stop;
  std::optional<Result> result;
  std::exception_ptr failure;
  std::mutex mutex;
  std::condition_variable ended;
  bool has_ended = false, is_interrupted = false;
  const Running running(stop);
  {
    const nb::gil_scoped_release release;
    const std::jthread worker([&] {
      try {
        result = work(stop.get_token());
      } catch (...) {
        failure = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      has_ended = true;
      ended.notify_one();
    });
    for (std::unique_lock lock(mutex); !has_ended;) {
      ended.wait_for(lock, std::chrono::milliseconds(50));
      if (has_ended || is_interrupted) continue;
      lock.unlock();
      {
        const nb::gil_scoped_acquire acquire;
        is_interrupted = PyErr_CheckSignals() != 0;
      }
      if (is_interrupted) stop.request_stop();
      lock.lock();
    }
  }
  if (is_interrupted) throw nb::python_error();  // the KeyboardInterrupt
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

using Callback = std::optional<std::function<void(std::int64_t, std::int64_t)>>;

/// Options of a run whose callback may raise: that ends the run, and is raised by rethrow().
class Watched {
 public:
  Watched(std::int64_t batch, int threads, const Callback& callback) {
    options_.batch = batch;
    options_.threads = threads;
    if (!callback) return;
    options_.progress = [this, callback](const RunProgress& progress) {
      const nb::gil_scoped_acquire acquire;
      if (raised_) return;
      try {
        (*callback)(progress.evaluations_done, progress.evaluations);
      } catch (...) {
        raised_ = std::current_exception();
        stop_.request_stop();
      }
    };
  }

  /// Of one run(): `work` gets the options.
  template <class Work>
  auto run(Work&& work) {
    try {
      auto result = python::run([&](const std::stop_token& interrupted) {
        const std::stop_callback link(interrupted, [this] { stop_.request_stop(); });
        options_.stop = stop_.get_token();
        return work(options_);
      });
      if (raised_) std::rethrow_exception(raised_);  // in the last call, after which nobody looks
      return result;
    } catch (const Error&) {
      if (raised_) std::rethrow_exception(raised_);
      throw;
    }
  }

 private:
  std::stop_source stop_;
  RunOptions options_;
  std::exception_ptr raised_;
};

}  // namespace ddim::python
