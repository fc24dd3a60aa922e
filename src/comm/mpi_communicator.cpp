#include "comm/mpi_communicator.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/stoppable_wait.h"
#include "base/text.h"
#include "base/workers.h"
#include "comm/processors.h"

namespace ddim::engine::comm {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kExitCode = static_cast<int>(ErrorCode::io);
constexpr int kAlive = 0;  // beats
constexpr int kLeaves = 1;
constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr double kLooksPerTimeout =
    20.0;  // so many it takes to find a rank silent, if there is time

/// A disk may be slow for longer than a process may be silent.
constexpr double kDiskTimeouts = 10.0;

/// Takes no memory: the threads that say something must not throw.
void say(std::string_view text) {
  const auto piece = [](std::string_view bytes) {
    return iovec{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  };
  const std::array<iovec, 3> line{piece("ddim: "), piece(text), piece("\n")};
  if (::writev(STDERR_FILENO, line.data(), line.size()) < 0) return;  // nobody listens
}

/// Ends this process `seconds` from now, unless it is destroyed before.
class Watchdog {
 public:
  Watchdog(double seconds, std::string message)
      : thread_([this, seconds, message = std::move(message)](const std::stop_token& done) {
          if (wait_.stopped_within(Seconds(seconds), done)) return;
          say(message);
          ::_exit(kExitCode);
        }) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  StoppableWait wait_;
  std::jthread thread_;
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
      : mpi_(mpi),
        timeout_(options.timeout_seconds),
        most_between_looks_(
            std::max(timeout_ / kLooksPerTimeout, 2 * Seconds(kBetweenLooks).count())) {
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
    silence_ = concat("rank ", rank_, ": no sign of life from rank ", previous(), " for ", timeout_,
                      " s (--comm-timeout); ending the processes of all ranks. What was saved is "
                      "as it was: resume from there");
    looked_ = Clock::now();
    heartbeat_ = std::jthread([this](const std::stop_token& stop) { keep_beating(stop); });
    const std::vector<std::string> processors = texts_of_all(*this, processors_of_this_process());
    num_threads_ = threads_of_rank(processors, rank_, processors_per_task());
    if (is_first() && launch.launcher == kMpirun)
      advice_ = advice_on_binding(processors_of_first_machine(processors),
                                  static_cast<int>(processors_allowed(::getppid()).size()));
    const std::vector<std::string> identities =
        texts_of_all(*this, identity_of_process(::getpid()));
    const std::lock_guard lock(mutex_);
    previous_identity_ = identities[static_cast<std::size_t>(previous())];
  }

  /// One that goes without leave() takes the others with it: they would wait.
  ~MpiCommunicator() override {
    if (!has_left_) abort(kExitCode);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int num_threads() const override { return num_threads_; }
  std::string advice() const override { return advice_; }

  std::unique_ptr<UnderWay> start_exchange(std::span<const float> sent, Counts sent_counts,
                                           std::span<float> received,
                                           Counts received_counts) override {
    auto parts = std::make_unique<std::vector<Parts>>();
    parts->reserve(2);
    const Parts& out = parts->emplace_back(sent_counts);
    const Parts& in = parts->emplace_back(received_counts);
    barrier();  // from here on, nobody is late
    return begin("exchange", std::move(parts), [&](ddim_mpi_request** request) {
      return mpi_.start_exchange(sent.data(), out.counts.data(), out.places.data(), received.data(),
                                 in.counts.data(), in.places.data(), request);
    });
  }

  void reduce_scatter(std::span<const float> sent, std::span<float> received,
                      Counts counts) override {
    auto parts = std::make_unique<std::vector<Parts>>();
    const Parts& out = parts->emplace_back(counts);
    barrier();  // from here on, nobody is late
    begin("reduce_scatter", std::move(parts), [&](ddim_mpi_request** request) {
      return mpi_.start_reduce_scatter(sent.data(), received.data(), out.counts.data(), request);
    })->wait();
  }

  std::unique_ptr<UnderWay> start_all_gather(std::span<float> values, Counts counts) override {
    return start_gather(values.data(), 1, counts);
  }
  void all_gather_bytes(std::span<std::byte> bytes, Counts counts) override {
    start_gather(bytes.data(), 0, counts)->wait();
  }

  void barrier() override {
    begin("barrier", nullptr, [&](ddim_mpi_request** request) {
      return mpi_.start_barrier(request);
    })->wait();
  }

  void leave() override {
    if (has_left_) return;
    barrier();
    heartbeat_.request_stop();
    heartbeat_.join();
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
    // For as long as another thread is in MPI, unless it stays there.
    constexpr int kMostTimes = 100;
    std::unique_lock lock(mutex_, std::defer_lock);
    for (int i = 0; i < kMostTimes && !lock.try_lock(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    abort_alone(exit_code);
  }

 private:
  /// With the mutex held.
  [[noreturn]] void abort_alone(int exit_code) const noexcept {
    // MPI may not be able to: then the launcher sees a process that ends, and ends the others.
    try {
      std::jthread([exit_code] {
        std::this_thread::sleep_for(std::chrono::seconds(3));
        ::_exit(exit_code);
      }).detach();
    } catch (const std::exception&) {  // no thread or no memory
      ::_exit(exit_code);
    }
    mpi_.abort(exit_code);
    ::_exit(exit_code);
  }

  int next() const { return (rank_ + 1) % size_; }
  int previous() const { return (rank_ + size_ - 1) % size_; }

  void check(int error, const char* what) const {
    if (error == 0) return;
    std::array<char, 512> text{};
    mpi_.error_text(error, text.data(), static_cast<int>(text.size()));
    fail(ErrorCode::io, "MPI: ", what, " failed on rank ", rank_, ": ", text.data());
  }

  std::unique_ptr<UnderWay> start_gather(void* values, int is_float, Counts counts) {
    auto parts = std::make_unique<std::vector<Parts>>();
    const Parts& of_ranks = parts->emplace_back(counts);
    return begin("gather", std::move(parts), [&](ddim_mpi_request** request) {
      return mpi_.start_all_gather(values, is_float, of_ranks.counts.data(), of_ranks.places.data(),
                                   request);
    });
  }

  class Request final : public UnderWay {
   public:
    Request(MpiCommunicator& ranks, const char* what, std::unique_ptr<std::vector<Parts>> parts)
        : ranks_(ranks), what_(what), parts_(std::move(parts)) {}
    /// After an error MPI may still read the counts, for as long as the process lives.
    ~Request() override {
      if (!is_done_) static_cast<void>(parts_.release());
    }
    void wait() override {
      ranks_.finish(what_, request_);
      is_done_ = true;
    }
    ddim_mpi_request** place() { return &request_; }

   private:
    MpiCommunicator& ranks_;
    const char* what_;
    std::unique_ptr<std::vector<Parts>> parts_;
    ddim_mpi_request* request_ = nullptr;
    bool is_done_ = false;
  };

  template <class Begin>
  std::unique_ptr<UnderWay> begin(const char* what, std::unique_ptr<std::vector<Parts>> parts,
                                  const Begin& start) {
    auto request = std::make_unique<Request>(*this, what, std::move(parts));
    const std::lock_guard lock(mutex_);
    check(start(request->place()), what);
    return request;
  }

  void finish(const char* what, ddim_mpi_request* request) {
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
    // Time in which this process did not run does not count, be it stopped, swapped out or on a
    // machine with much else to do: the others may not have run either.
    silent_seconds_ += std::min(Seconds(now - looked_).count(), most_between_looks_);
    looked_ = now;
    if (Seconds(now - beaten_).count() > std::min(1.0, timeout_ / 10)) {
      int sent = 0;
      check(mpi_.send_beat(next(), kAlive, &sent), "sign of life");
      if (sent != 0) beaten_ = now;
    }
    listen();
    if (previous_leaves_ || silent_seconds_ <= timeout_) return;
    say(silence_);
    end_previous();
    abort_alone(kExitCode);
  }

  /// A process that was stopped cannot end itself, and launchers have been seen to leave it there.
  /// On another machine it is its launcher's business.
  void end_previous() const {
    std::istringstream words(previous_identity_);
    std::string host;
    pid_t process = 0;
    words >> host >> process;
    if (process > 0 && process != ::getpid() && identity_of_process(process) == previous_identity_)
      ::kill(process, SIGKILL);
  }

  /// Receives what has come from the previous rank.
  void listen() {
    while (!previous_leaves_) {
      int heard = -1;
      check(mpi_.receive_beat(previous(), &heard), "sign of life");
      if (heard == -1) return;
      silent_seconds_ = 0.0;
      previous_leaves_ = heard == kLeaves;
    }
  }

  /// Ends all ranks when a thread of this one has waited for a disk for very long. The others hear
  /// its signs of life, and would wait as long.
  void look_at_threads() {
    const Clock::time_point now = Clock::now();
    if (Seconds(now - looked_at_threads_).count() < timeout_ / kLooksPerTimeout) return;
    looked_at_threads_ = now;
    std::map<std::string, Wait> waits;
    for (const auto& [thread, ran] : uninterruptible_threads()) {
      const auto before = waits_.find(thread);
      const bool is_the_same = before != waits_.end() && before->second.ran == ran;
      waits[thread] = is_the_same ? before->second : Wait{.ran = ran, .since = now};
      if (Seconds(now - waits[thread].since).count() <= kDiskTimeouts * timeout_) continue;
      say(concat("rank ", rank_, ": has waited for a disk or a network's files for ",
                 kDiskTimeouts * timeout_, " s (", kDiskTimeouts,
                 " times --comm-timeout); ending the processes of all ranks"));
      abort(kExitCode);
    }
    waits_ = std::move(waits);
  }

  void keep_beating(const std::stop_token& stop) {
    while (!between_beats_.stopped_within(kBetweenLooks, stop)) {
      try {
        look_at_threads();
      } catch (const std::exception&) {  // no memory: next time
      }
      const std::unique_lock lock(mutex_, std::try_to_lock);
      if (!lock) continue;  // the other thread waits for MPI
      try {
        beat();
      } catch (const std::exception& error) {
        say(error.what());
        abort_alone(kExitCode);
      }
    }
  }

  const ddim_mpi_functions& mpi_;
  const double timeout_;
  const double most_between_looks_;  ///< of the time between two looks that counts
  int rank_ = 0;
  int size_ = 1;
  int num_threads_ = 1;
  std::string advice_;
  bool has_left_ = false;

  std::mutex mutex_;  ///< of MPI, which is used by one thread at a time
  Clock::time_point beaten_{};
  Clock::time_point looked_{};
  double silent_seconds_ = 0.0;  ///< since the last sign of life, as far as this process ran
  std::string silence_;          ///< what to say then
  std::string previous_identity_;
  bool previous_leaves_ = false;  ///< its last sign of life has come: it may be silent now

  /// Of a thread that nothing interrupts: see uninterruptible_threads().
  struct Wait {
    std::string ran;
    Clock::time_point since;
  };
  std::map<std::string, Wait> waits_;  ///< of the thread that beats, as is:
  Clock::time_point looked_at_threads_{};

  StoppableWait between_beats_;
  std::jthread heartbeat_;  ///< last: it ends before the rest goes, also where joining fails
};

}  // namespace

std::unique_ptr<Communicator> join_by_mpi(const ddim_mpi_functions& mpi, const Launch& launch,
                                          const JoinOptions& options) {
  return std::make_unique<MpiCommunicator>(mpi, launch, options);
}

}  // namespace ddim::engine::comm
