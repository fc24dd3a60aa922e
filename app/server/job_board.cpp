#include "job_board.h"

#include <ddim/error.h>
#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <new>
#include <random>
#include <thread>
#include <utility>

#include "job_memory.h"
#include "json_views.h"
#include "request_error.h"

namespace ddim::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBetweenProgress{100};
constexpr milliseconds kBeforeTrimming{10'000};  // of a model that nobody uses
constexpr milliseconds kShortestBetweenSweeps{100}, kLongestBetweenSweeps{10'000};

/// 128 bits that nobody can guess.
std::string new_id() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", random());
  return id;
}

/// About what an entry takes beside what it was given and made, or an upload beside its file.
constexpr std::int64_t kBytesOfEntry = 4096;

/// What a run no longer needs stays with the allocator else, while the server waits for the next.
void give_memory_back() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

bool is_over(EntryState state) {
  return state != EntryState::waiting && state != EntryState::running;
}

std::int64_t kept_bytes(const Upload& upload) { return std::ssize(upload.bytes) + kBytesOfEntry; }

/// Which of the entry's steps are shown.
bool is_shown(const JobRequest& request, const StepPreview& preview) {
  if (request.preview_every == 0 || preview.x0_pred.shape.channels > 4) return false;
  return preview.step % request.preview_every == 0 || preview.is_last;
}

void show(Entry& entry, std::int64_t first, const StepPreview& preview) {
  if (is_shown(entry.request, preview))
    entry.events.add(fmt::format("preview {}", first), "preview", preview_json(first, preview));
}

}  // namespace

JobBoard::JobBoard(ModelShelf& shelf, const Limits& limits, const RunOptions& run)
    : shelf_(shelf), limits_(limits), run_(run) {
  for (const ModelSource& source : shelf_.sources()) lanes_[source.name];
  for (auto& [model, lane] : lanes_)
    lane.thread = std::jthread([this, &model = model, &lane = lane](const std::stop_token& ending) {
      work(model, lane, ending);
    });
}

JobBoard::~JobBoard() { shut_down(); }

void JobBoard::shut_down() {
  stop();
  {
    const std::lock_guard lock(mutex_);
    for (auto& [model, lane] : lanes_) {
      lane.thread.request_stop();
      if (lane.job != nullptr) lane.job->cancel();
    }
    changed_.notify_all();
  }
  for (auto& [model, lane] : lanes_)
    if (lane.thread.joinable()) lane.thread.join();
}

std::shared_ptr<Entry> JobBoard::submit(JobRequest request) {
  drop_old();
  const auto entry = std::make_shared<Entry>();
  entry->id = new_id();
  entry->request = std::move(request);
  entry->input_bytes = input_bytes(entry->request);
  const std::lock_guard lock(mutex_);
  if (stopped_) throw RequestError(503, "", "the server is stopping");
  Lane& lane = lanes_.at(entry->request.model);
  const bool is_idle = lane.running.empty() && lane.waiting.empty();
  if (counts_.waiting >= limits_.queue && !is_idle)
    throw RequestError(
        429, "",
        fmt::format("the queue is full ({} wait already); try again later", counts_.waiting));
  if (input_bytes_ + entry->input_bytes > limits_.kept_bytes / 2)
    throw RequestError(
        429, "",
        fmt::format("what jobs that have not ended were given takes {} bytes already; "
                    "try again later",
                    input_bytes_));
  entries_[entry->id] = entry;
  lane.waiting.push_back(entry);
  ++counts_.waiting;
  input_bytes_ += entry->input_bytes;
  tell_positions(lane);
  changed_.notify_all();
  return entry;
}

std::shared_ptr<Entry> JobBoard::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found == entries_.end() || is_old(*found->second) ? nullptr : found->second;
}

EntryStatus JobBoard::status(const Entry& entry) const {
  const std::lock_guard lock(mutex_);
  return entry.status;
}

void JobBoard::cancel(const std::shared_ptr<Entry>& entry) {
  const std::lock_guard lock(mutex_);
  if (is_over(entry->status.state) || entry->cancel_asked) return;
  entry->cancel_asked = true;
  Lane& lane = lanes_.at(entry->request.model);
  if (std::erase(lane.waiting, entry) > 0) {
    --counts_.waiting;
    end(*entry, EntryState::cancelled);
    forget_input_of(*entry);
    tell_positions(lane);
    return;
  }
  // Those that are drawn with it go on, by what all were given; it ends now all the same.
  const bool all_cancelled =
      std::ranges::all_of(lane.running, [](const auto& one) { return one->cancel_asked; });
  if (lane.job != nullptr && all_cancelled) lane.job->cancel();
  if (!all_cancelled) end(*entry, EntryState::cancelled);
}

std::shared_ptr<const Upload> JobBoard::add_upload(std::string name, std::string bytes) {
  drop_old();
  const auto upload = std::make_shared<const Upload>(new_id(), std::move(name), std::move(bytes));
  const std::lock_guard lock(mutex_);
  const std::int64_t size = kept_bytes(*upload), most = limits_.kept_bytes / 2;
  if (size > most)
    throw RequestError(413, "body",
                       fmt::format("body: an upload may take {} bytes, half of --keep-mib", most));
  while (uploaded_bytes_ + size > most) {
    const auto oldest = std::ranges::min_element(
        uploads_, {}, [](const auto& item) { return item.second->created; });
    uploaded_bytes_ -= kept_bytes(*oldest->second);
    uploads_.erase(oldest);
  }
  uploads_[upload->id] = upload;
  uploaded_bytes_ += size;
  make_room();
  return upload;
}

std::shared_ptr<const Upload> JobBoard::find_upload(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  return found == uploads_.end() || is_old(*found->second) ? nullptr : found->second;
}

bool JobBoard::is_old(const Entry& entry) const {
  return is_over(entry.status.state) && entry.ended <= Clock::now() - limits_.kept_time;
}

bool JobBoard::is_old(const Upload& upload) const {
  return upload.created <= Clock::now() - limits_.kept_time;
}

BoardCounts JobBoard::counts() const {
  const std::lock_guard lock(mutex_);
  BoardCounts counts = counts_;
  counts.kept_bytes += uploaded_bytes_;
  return counts;
}

void JobBoard::drop_old() {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) {
    if (!is_old(*item.second)) return false;
    counts_.kept_bytes -= item.second->kept_bytes;
    return true;
  });
  std::erase_if(uploads_, [&](const auto& item) {
    if (!is_old(*item.second)) return false;
    uploaded_bytes_ -= kept_bytes(*item.second);
    return true;
  });
}

void JobBoard::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (auto& [model, lane] : lanes_) {
    counts_.waiting -= std::ssize(lane.waiting);
    for (const auto& entry : std::exchange(lane.waiting, {})) {
      end(*entry, EntryState::cancelled);
      forget_input_of(*entry);
    }
  }
  changed_.notify_all();
}

bool JobBoard::is_stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool JobBoard::wait_until_idle(milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return counts_.running == 0; });
}

void JobBoard::sweep() {
  drop_old();
  shelf_.unload_unused(limits_.unload_time);
  shelf_.trim_unused(kBeforeTrimming);
  give_memory_back();  // also that of connections and answers
}

void JobBoard::work(const std::string& model, Lane& lane, const std::stop_token& ending) {
  const milliseconds between_sweeps =
      std::clamp<milliseconds>(std::min(limits_.kept_time, limits_.unload_time) / 10,
                               kShortestBetweenSweeps, kLongestBetweenSweeps);
  while (!ending.stop_requested()) {
    try {
      if (!begin_batch(lane, between_sweeps, ending)) continue;
      run_batch(model, lane, ending);
      if (counts().waiting == 0) give_memory_back();
    } catch (const std::bad_alloc&) {
      fail_batch(lane, ErrorCode::user, "not enough memory");
    } catch (const std::exception& problem) {  // such as no thread for the job
      fail_batch(lane, ErrorCode::internal, problem.what());
    }
  }
}

/// Waits for jobs, and sweeps when none come; whether lane.running are to run now.
bool JobBoard::begin_batch(Lane& lane, milliseconds between_sweeps, const std::stop_token& ending) {
  std::unique_lock lock(mutex_);
  const auto has_work = [&] { return !lane.waiting.empty(); };
  if (!changed_.wait_for(lock, ending, between_sweeps, has_work)) {
    lock.unlock();
    if (!ending.stop_requested()) sweep();
    return false;
  }
  take_batch(lane);
  for (const auto& entry : lane.running) {
    entry->status.state = EntryState::running;
    entry->events.add("state", "state", state_json(entry->status));
  }
  tell_positions(lane);
  return true;
}

/// Ends the jobs that cannot be run. Waits for as much memory as that takes.
void JobBoard::fail_batch(Lane& lane, ErrorCode code, const char* reason) {
  const std::lock_guard lock(mutex_);
  while (!lane.running.empty()) {
    Entry& entry = *lane.running.back();
    try {
      entry.status.code = code;
      entry.status.error = reason;
      if (!entry.events.is_complete()) end(entry, EntryState::failed);
      forget_input_of(entry);
      lane.running.pop_back();
      --counts_.running;
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(kForMemory);
    }
  }
  changed_.notify_all();
}

/// The first one that waits, and those behind it that can be drawn in the same batch, go to
/// lane.running. The mutex is locked.
void JobBoard::take_batch(Lane& lane) {
  auto& batch = lane.running;
  batch.reserve(lane.waiting.size());  // no entry is lost between the two lists
  batch.push_back(lane.waiting.front());
  lane.waiting.pop_front();
  const auto take = [&] {
    --counts_.waiting;
    ++counts_.running;
  };
  take();
  std::int64_t room = run_.batch - num_pictures(batch.front()->request);
  const Model described = shelf_.described(batch.front()->request.model);
  for (auto next = lane.waiting.begin(); next != lane.waiting.end() && room > 0;) {
    const std::int64_t size = num_pictures((*next)->request);
    if (size > room || !fit_together(batch.front()->request, (*next)->request, described)) {
      ++next;
      continue;
    }
    room -= size;
    batch.push_back(*next);
    next = lane.waiting.erase(next);
    take();
  }
  if (batch.size() > 1) counts_.batched += std::ssize(batch);
}

void JobBoard::draw(const Model& model, const std::vector<std::shared_ptr<Entry>>& batch,
                    const RunOptions& run, std::vector<JobResult>& results) const {
  const bool is_seen = std::ranges::any_of(
      batch, [](const auto& entry) { return entry->request.preview_every > 0; });
  if (batch.size() == 1) {
    Entry& entry = *batch.front();
    const auto preview = [&entry](std::int64_t first, const StepPreview& of_some) {
      show(entry, first, of_some);
    };
    results.push_back(
        run_job(model, entry.request, run, is_seen ? ShowPreview(preview) : ShowPreview()));
    return;
  }
  std::vector<const JobRequest*> requests;
  for (const auto& entry : batch) requests.push_back(&entry->request);
  const auto preview = [&batch](std::size_t i, std::int64_t first, const StepPreview& of_some) {
    show(*batch[i], first, of_some);
  };
  using Preview = std::function<void(std::size_t, std::int64_t, const StepPreview&)>;
  results = run_together(model, requests, run, is_seen ? Preview(preview) : Preview());
}

void JobBoard::run_batch(const std::string& model, Lane& lane, const std::stop_token& ending) {
  const std::vector<std::shared_ptr<Entry>> batch = lane.running;
  std::vector<JobResult> results;
  Job job(
      [&](const RunOptions& run) {
        const auto lease = shelf_.lease(model, run.stop);
        draw(lease->model(), batch, run, results);
      },
      run_);
  const OfLane of_lane(*this, lane, job);
  {
    const std::lock_guard lock(mutex_);
    const bool all_cancelled =
        std::ranges::all_of(batch, [](const auto& one) { return one->cancel_asked; });
    if (all_cancelled || ending.stop_requested()) job.cancel();
  }
  follow(job, batch);
  const JobStatus status = job.status();
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Entry& entry = *batch[i];
    if (is_over(entry.status.state)) continue;  // cancelled, while others went on
    entry.status.progress = status.progress;
    entry.status.seconds = status.seconds;
    entry.status.seconds_left = status.seconds_left;
    entry.status.error = status.error;
    entry.status.code = status.code;
    if (status.state == JobState::done) {
      entry.status.result = std::make_shared<const JobResult>(std::move(results[i]));
      entry.kept_bytes = kept_bytes(*entry.status.result);
      counts_.pictures += num_pictures(entry.request);
      end(entry, EntryState::done);
    } else {
      end(entry, status.state == JobState::failed ? EntryState::failed : EntryState::cancelled);
    }
  }
  for (const auto& entry : batch) forget_input_of(*entry);
  lane.running.clear();
  counts_.running -= std::ssize(batch);
  changed_.notify_all();
}

/// Passes on how far the job is, until it ends.
void JobBoard::follow(Job& job, const std::vector<std::shared_ptr<Entry>>& batch) {
  while (!job.wait_for(kBetweenProgress)) {
    const JobStatus status = job.status();
    if (status.progress.evaluations_done == 0) continue;
    const std::string progress = progress_json(status);
    const std::lock_guard lock(mutex_);
    for (const auto& entry : batch) {
      if (is_over(entry->status.state)) continue;
      entry->status.progress = status.progress;
      entry->status.seconds = status.seconds;
      entry->status.seconds_left = status.seconds_left;
      entry->events.add("progress", "progress", progress);
    }
  }
}

/// The mutex is locked. May drop results that ended before, or this one, where it has no room.
void JobBoard::end(Entry& entry, EntryState state) {
  entry.status.state = state;
  entry.ended = Clock::now();
  entry.events.add_last("state", "state", state_json(entry.status));
  // All that may throw has been done: the entry is complete, and counted once.
  entry.kept_bytes += kBytesOfEntry + kept_bytes(entry.request);
  counts_.kept_bytes += entry.kept_bytes;
  if (state == EntryState::done) ++counts_.done;
  if (state == EntryState::failed) ++counts_.failed;
  if (state == EntryState::cancelled) ++counts_.cancelled;
  make_room();
}

/// Once nothing runs that reads it. The mutex is locked.
void JobBoard::forget_input_of(Entry& entry) {
  forget_input(entry.request);
  input_bytes_ -= std::exchange(entry.input_bytes, 0);
}

/// Tells those that wait how many are before them. The mutex is locked.
void JobBoard::tell_positions(const Lane& lane) {
  std::int64_t before = std::ssize(lane.running);
  for (const auto& entry : lane.waiting) {
    const bool is_known = entry->status.waiting_before == before && entry->events.last_id() > 0;
    entry->status.waiting_before = before++;
    if (!is_known) entry->events.add("state", "state", state_json(entry->status));
  }
}

/// Drops the results that ended first while there are too many. The mutex is locked.
void JobBoard::make_room() {
  while (counts_.kept_bytes + uploaded_bytes_ > limits_.kept_bytes) {
    const auto oldest = std::ranges::min_element(entries_, {}, [](const auto& item) {
      return item.second->kept_bytes > 0 ? item.second->ended : Clock::time_point::max();
    });
    if (oldest == entries_.end() || oldest->second->kept_bytes == 0) return;
    counts_.kept_bytes -= oldest->second->kept_bytes;
    entries_.erase(oldest);
  }
}

}  // namespace ddim::server
