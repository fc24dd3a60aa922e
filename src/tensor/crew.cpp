#include "tensor/crew.h"

#include <algorithm>
#include <utility>

namespace ddim::engine {
namespace {

/// Room for twice a worker's share of the threads: for those of others who are done. More would
/// need more scratch memory than they bring.
int size_of_team(int num_workers, int num_threads) {
  return std::min(num_threads, 2 * ((num_threads + num_workers - 1) / num_workers));
}

}  // namespace

Crew::Crew(const Device& device, int num_workers, int num_threads)
    : num_threads_(device.shares_out_loops() ? num_threads : std::min(num_workers, num_threads)) {
  const int size = size_of_team(num_workers, num_threads_);
  for (int worker = 0; worker < std::min(num_workers, num_threads_); ++worker) {
    posts_.push_back({.team = std::make_shared<ThreadTeam>(size, ThreadTeam::Others::guests),
                      .guests = std::vector<bool>(static_cast<std::size_t>(size))});
    workers_.push_back(device.worker(posts_.back().team));
  }
}

Crew::~Crew() {
  const std::lock_guard lock(mutex_);
  is_stopped_ = true;
  changed_.notify_all();
}

void Crew::start_threads() {
  try {
    for (int thread = 1; thread < num_threads_; ++thread)
      threads_.emplace_back([this, thread] { work_until_stopped(thread); });
  } catch (const std::exception&) {  // no thread or no memory: those that run do it all
  }
}

void Crew::run(std::int64_t num_items, const Task& task) {
  if (threads_.empty()) start_threads();
  std::unique_lock lock(mutex_);
  task_ = &task;
  next_item_ = 0;
  num_items_ = num_items;
  changed_.notify_all();
  while (next_item_ < num_items_ || num_busy_ > 0) take_turn(0, lock);
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Crew::work_until_stopped(int thread) {
  std::unique_lock lock(mutex_);
  while (!is_stopped_) take_turn(thread, lock);
}

void Crew::take_turn(int thread, std::unique_lock<std::mutex>& lock) {
  const bool has_device = static_cast<std::size_t>(thread) < workers_.size();
  if (has_device && next_item_ < num_items_) {
    take_items(thread, lock);
  } else if (Post* const post = post_to_help()) {
    help(*post, lock);
  } else {
    changed_.wait(lock);
  }
}

void Crew::take_items(int thread, std::unique_lock<std::mutex>& lock) {
  const auto worker = static_cast<std::size_t>(thread);
  Post& post = posts_[worker];
  post.is_busy = true;
  ++num_busy_;
  post.team->open();
  changed_.notify_all();
  while (next_item_ < num_items_) {
    const std::int64_t item = next_item_++;
    lock.unlock();
    std::exception_ptr failure;
    try {
      (*task_)(workers_[worker], item);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure == nullptr) continue;
    if (failure_ == nullptr) failure_ = failure;
    next_item_ = num_items_;
  }
  post.team->close();
  post.is_busy = false;
  --num_busy_;
  changed_.notify_all();
}

Crew::Post* Crew::post_to_help() {
  Post* best = nullptr;
  std::ptrdiff_t fewest = 0;
  for (Post& post : posts_) {
    const auto num_guests = std::ranges::count(post.guests, true);
    if (!post.is_busy || num_guests + 1 >= std::ssize(post.guests)) continue;
    if (best != nullptr && num_guests >= fewest) continue;
    best = &post;
    fewest = num_guests;
  }
  return best;
}

void Crew::help(Post& post, std::unique_lock<std::mutex>& lock) {
  const auto place = std::find(post.guests.begin() + 1, post.guests.end(), false);
  *place = true;
  lock.unlock();
  post.team->help(static_cast<int>(place - post.guests.begin()));
  lock.lock();
  *place = false;
  changed_.notify_all();
}

}  // namespace ddim::engine
