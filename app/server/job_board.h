#pragma once

#include <ddim/job.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "event_log.h"
#include "job_request.h"
#include "job_result.h"
#include "model_shelf.h"
#include "server_limits.h"

namespace ddim::server {

enum class EntryState { waiting, running, done, failed, cancelled };

}  // namespace ddim::server

template <>
struct ddim::Names<ddim::server::EntryState> {
  using State = server::EntryState;
  static constexpr Named<State> kAll[] = {{State::waiting, "waiting"},
                                          {State::running, "running"},
                                          {State::done, "done"},
                                          {State::failed, "failed"},
                                          {State::cancelled, "cancelled"}};
  static constexpr std::span<const Named<State>> all() { return kAll; }
};

namespace ddim::server {

using Clock = std::chrono::steady_clock;

/// What a job on the board is at, at one moment.
struct EntryStatus {
  EntryState state = EntryState::waiting;
  std::int64_t waiting_before = 0;  ///< jobs of the same model, of one that waits
  RunProgress progress = {};
  double seconds = 0.0;  ///< since it began to run
  std::optional<double> seconds_left = {};
  std::string error = {};  ///< of one that failed
  std::optional<ErrorCode> code = {};
  std::shared_ptr<const JobResult> result = {};  ///< of one that is done
};

/// A job on the board.
struct Entry {
  std::string id;
  JobRequest request;
  Clock::time_point created = Clock::now();
  EventLog events = {};
  /// The board's.
  EntryStatus status = {};
  bool cancel_asked = false;
  Clock::time_point ended = {};
  std::int64_t input_bytes = 0;  ///< while it waits or runs, if only with others
  std::int64_t kept_bytes = 0;
};

/// A file that was uploaded.
struct Upload {
  std::string id;
  std::string name;
  std::string bytes;
  Clock::time_point created = Clock::now();
};

struct BoardCounts {
  std::int64_t waiting = 0, running = 0;
  std::int64_t done = 0, failed = 0, cancelled = 0;  ///< ever
  std::int64_t pictures = 0;                         ///< ever
  std::int64_t batched = 0;                          ///< jobs ever that were drawn with others
  std::int64_t kept_bytes = 0;
};

/// The jobs of a server: those that wait, one that runs for each model, and the results of those
/// that ended, for a while; and uploads. May be used from all threads.
class JobBoard {
 public:
  JobBoard(ModelShelf& shelf, const Limits& limits, const RunOptions& run);
  /// As shut_down().
  ~JobBoard();

  /// RequestError(429) when too many wait and the model has one already, or what they were given
  /// is too large;
  /// RequestError(503) after stop().
  std::shared_ptr<Entry> submit(JobRequest request);
  std::shared_ptr<Entry> find(const std::string& id) const;
  EntryStatus status(const Entry& entry) const;
  /// At the next step; one that waits at once. Without effect on one that has ended.
  void cancel(const std::shared_ptr<Entry>& entry);

  /// The oldest ones make room for it; RequestError(413) where it is too large all the same.
  std::shared_ptr<const Upload> add_upload(std::string name, std::string bytes);
  std::shared_ptr<const Upload> find_upload(const std::string& id) const;

  BoardCounts counts() const;
  /// Drops results and uploads whose time is over.
  void drop_old();
  /// No job is taken from now on, and those that wait are cancelled.
  void stop();
  bool is_stopped() const;
  /// Waits until no job runs, at most so long; whether none does.
  bool wait_until_idle(std::chrono::milliseconds time);
  /// Cancels everything. No listener of an event is called from now on.
  void shut_down();

 private:
  struct Lane {  ///< of a model
    std::deque<std::shared_ptr<Entry>> waiting;
    std::vector<std::shared_ptr<Entry>> running;
    Job* job = nullptr;  ///< that draws them
    std::jthread thread;
  };

  /// Lets a lane's job be cancelled while this lives.
  class OfLane {
   public:
    OfLane(JobBoard& board, Lane& lane, Job& job) : board_(board), lane_(lane) { set(&job); }
    ~OfLane() { set(nullptr); }
    OfLane(const OfLane&) = delete;
    OfLane& operator=(const OfLane&) = delete;

   private:
    void set(Job* job) {
      const std::lock_guard lock(board_.mutex_);
      lane_.job = job;
    }
    JobBoard& board_;
    Lane& lane_;
  };

  void work(const std::string& model, Lane& lane, const std::stop_token& ending);
  /// Drops what nobody has wanted for a while.
  void sweep();
  bool begin_batch(Lane& lane, std::chrono::milliseconds between_sweeps,
                   const std::stop_token& ending);
  void take_batch(Lane& lane);
  void fail_batch(Lane& lane, ErrorCode code, const char* reason);
  void run_batch(const std::string& model, Lane& lane, const std::stop_token& ending);
  void draw(const Model& model, const std::vector<std::shared_ptr<Entry>>& batch,
            const RunOptions& run, std::vector<JobResult>& results) const;
  void follow(Job& job, const std::vector<std::shared_ptr<Entry>>& batch);
  void end(Entry& entry, EntryState state);
  void forget_input_of(Entry& entry);
  bool is_old(const Entry& entry) const;
  bool is_old(const Upload& upload) const;
  void tell_positions(const Lane& lane);
  void make_room();

  ModelShelf& shelf_;
  const Limits limits_;
  const RunOptions run_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  std::map<std::string, std::shared_ptr<const Upload>> uploads_;
  std::int64_t uploaded_bytes_ = 0, input_bytes_ = 0;
  BoardCounts counts_;
  bool stopped_ = false;
  std::map<std::string, Lane> lanes_;  ///< last: its threads end before the rest goes
};

}  // namespace ddim::server
