#include "comm/mpi_communicator.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "comm/processors.h"

namespace ddim::engine::comm {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kExitCode = static_cast<int>(ErrorCode::io);
constexpr int kAlive = 0;  // beats
constexpr int kLeaves = 1;

void say(const std::string& text) {
  const std::string line = "ddim: " + text + "\n";
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;  // nobody listens
}

/// Ends this process `seconds` from now, unless it is destroyed before.
class Watchdog {
 public:
  Watchdog(double seconds, std::string message)
      : thread_([this, seconds, message = std::move(message)] {
          std::unique_lock lock(mutex_);
          if (!done_.wait_for(lock, Seconds(seconds), [this] { return is_done_; })) {
            if (!message.empty()) say(message);
            ::_exit(kExitCode);
          }
        }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      is_done_ = true;
    }
    done_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  std::thread thread_;
};

/// How long to wait before one looks again: for a rank that computes, or for data on the way.
class Patience {
 public:
  void wait() {
    const auto waited = Clock::now() - start_;
    if (waited < kAwake) {
      std::this_thread::yield();
    } else if (waited < kShort) {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  static constexpr auto kAwake = std::chrono::milliseconds(1);
  static constexpr auto kShort = std::chrono::milliseconds(50);
  Clock::time_point start_ = Clock::now();
};

/// Counts and places as MPI takes them.
struct Parts {
  std::vector<int> counts, places;

  explicit Parts(Communicator::Counts of_ranks) {
    std::int64_t place = 0;
    for (const std::int64_t count : of_ranks) {
      counts.push_back(static_cast<int>(count));
      places.push_back(static_cast<int>(place));
      place += count;
    }
    require(place <= std::numeric_limits<int>::max(), "MPI: ", place,
            " values at once are too many (at most 2,147,483,647)");
  }
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(const ddim_mpi_functions& mpi, const Launch& launch, const JoinOptions& options)
      : mpi_(mpi), timeout_(options.timeout_seconds) {
    {
      const Watchdog watchdog(timeout_, concat("rank ", launch.rank, ": MPI did not begin within ",
                                               timeout_, " s (--comm-timeout)"));
      check(mpi_.init(&rank_, &size_), "begin");
    }
    std::array<char, 128> library{};
    mpi_.library(library.data(), static_cast<int>(library.size()));
    require(
        !launch.size || *launch.size == size_, launch.launcher, " started ",
        launch.size.value_or(0), " processes, but MPI (", library.data(), ") sees ", size_,
        ": it was not started for this MPI. With Slurm: srun --mpi=pmix or --mpi=pmi2, see srun "
        "--mpi=list; with mpirun: use that of this MPI");
    heard_ = Clock::now();
    heartbeat_ = std::thread([this] { keep_beating(); });
    num_threads_ = threads_of_rank(texts_of_all(*this, processors_of_this_process()), rank_,
                                   processors_per_task());
  }

  /// One that goes without leave() takes the others with it: they would wait.
  ~MpiCommunicator() override {
    if (!has_left_) abort(kExitCode);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int num_threads() const override { return num_threads_; }

  void exchange(std::span<const float> sent, Counts sent_counts, std::span<float> received,
                Counts received_counts) override {
    const Parts out(sent_counts), in(received_counts);
    barrier();  // from here on, nobody is late
    finish("exchange", [&](ddim_mpi_request** request) {
      return mpi_.start_exchange(sent.data(), out.counts.data(), out.places.data(), received.data(),
                                 in.counts.data(), in.places.data(), request);
    });
  }

  void all_gather(std::span<float> values, Counts counts) override {
    gather(values.data(), 1, counts);
  }
  void all_gather_bytes(std::span<std::byte> bytes, Counts counts) override {
    gather(bytes.data(), 0, counts);
  }

  void barrier() override {
    finish("barrier", [&](ddim_mpi_request** request) { return mpi_.start_barrier(request); });
  }

  void leave() override {
    if (has_left_) return;
    barrier();
    stop_beating();
    const Watchdog watchdog(timeout_, concat("rank ", rank_, ": MPI did not end within ", timeout_,
                                             " s (--comm-timeout)"));
    // The beats that are under way are received, so that MPI ends with nothing left over.
    int sent = 0;
    for (Patience patience; sent == 0; patience.wait())
      check(mpi_.send_beat(next(), kLeaves, &sent), "end");
    for (Patience patience; !previous_leaves_; patience.wait()) listen();
    check(mpi_.finalize(), "end");
    has_left_ = true;
  }

  [[noreturn]] void abort(int exit_code) noexcept override {
    // MPI may not be able to: then the launcher sees a process that ends, and ends the others.
    std::thread([exit_code] {
      std::this_thread::sleep_for(std::chrono::seconds(3));
      ::_exit(exit_code);
    }).detach();
    mpi_.abort(exit_code);
    ::_exit(exit_code);
  }

 private:
  int next() const { return (rank_ + 1) % size_; }
  int previous() const { return (rank_ + size_ - 1) % size_; }

  void check(int error, const char* what) const {
    if (error == 0) return;
    std::array<char, 512> text{};
    mpi_.error_text(error, text.data(), static_cast<int>(text.size()));
    fail(ErrorCode::io, "MPI: ", what, " failed on rank ", rank_, ": ", text.data());
  }

  void gather(void* values, int is_float, Counts counts) {
    const Parts parts(counts);
    finish("gather", [&](ddim_mpi_request** request) {
      return mpi_.start_all_gather(values, is_float, parts.counts.data(), parts.places.data(),
                                   request);
    });
  }

  template <class Begin>
  void finish(const char* what, const Begin& begin) {
    ddim_mpi_request* request = nullptr;
    {
      const std::lock_guard lock(mutex_);
      check(begin(&request), what);
    }
    for (Patience patience;; patience.wait()) {
      const std::lock_guard lock(mutex_);
      int done = 0;
      check(mpi_.test(request, &done), what);
      if (done != 0) return;
      beat();  // whoever waits does the work of the other thread, too
    }
  }

  /// With the mutex held: sends a sign of life where it is time, and listens.
  void beat() {
    const Clock::time_point now = Clock::now();
    // Who was stopped or swapped out for long cannot tell who was silent.
    if (Seconds(now - looked_).count() > timeout_ / 2) heard_ = now;
    looked_ = now;
    if (Seconds(now - beaten_).count() > std::min(1.0, timeout_ / 10)) {
      int sent = 0;
      check(mpi_.send_beat(next(), kAlive, &sent), "sign of life");
      beaten_ = now;
    }
    listen();
    if (Seconds(now - heard_).count() <= timeout_) return;
    say(concat("rank ", rank_, ": no sign of life from rank ", previous(), " for ", timeout_,
               " s (--comm-timeout); ending the processes of all ranks. What was saved is as it "
               "was: resume from there"));
    abort(kExitCode);
  }

  /// Receives what has come from the previous rank.
  void listen() {
    while (!previous_leaves_) {
      int heard = -1;
      check(mpi_.receive_beat(previous(), &heard), "sign of life");
      if (heard == -1) return;
      heard_ = Clock::now();
      previous_leaves_ = heard == kLeaves;
    }
  }

  void keep_beating() {
    std::unique_lock stop_lock(stop_mutex_);
    while (!stop_.wait_for(stop_lock, std::chrono::milliseconds(100), [this] { return stops_; })) {
      const std::unique_lock lock(mutex_, std::try_to_lock);
      if (!lock) continue;  // the other thread waits for MPI
      try {
        beat();
      } catch (const Error& error) {
        say(error.what());
        abort(kExitCode);
      }
    }
  }

  void stop_beating() {
    {
      const std::lock_guard lock(stop_mutex_);
      stops_ = true;
    }
    stop_.notify_all();
    heartbeat_.join();
  }

  const ddim_mpi_functions& mpi_;
  const double timeout_;
  int rank_ = 0;
  int size_ = 1;
  int num_threads_ = 1;
  bool has_left_ = false;

  std::mutex mutex_;  ///< of MPI, which is used by one thread at a time
  Clock::time_point beaten_{};
  Clock::time_point looked_ = Clock::now();
  Clock::time_point heard_{};
  bool previous_leaves_ = false;  ///< its last sign of life has come

  std::mutex stop_mutex_;
  std::condition_variable stop_;
  bool stops_ = false;
  std::thread heartbeat_;
};

}  // namespace

std::unique_ptr<Communicator> join_by_mpi(const ddim_mpi_functions& mpi, const Launch& launch,
                                          const JoinOptions& options) {
  return std::make_unique<MpiCommunicator>(mpi, launch, options);
}

}  // namespace ddim::engine::comm
