#include "model_shelf.h"

#include <ddim/error.h>

#include <algorithm>

namespace ddim::server {

ModelShelf::ModelShelf(std::vector<ModelSource> sources, std::int64_t keep)
    : sources_(std::move(sources)), keep_(static_cast<std::size_t>(keep)) {
  for (const ModelSource& source : sources_) described_.emplace(source.name, source.described);
}

const ModelSource* ModelShelf::find(const std::string& name) const {
  const auto found = std::ranges::find(sources_, name, &ModelSource::name);
  return found == sources_.end() ? nullptr : &*found;
}

bool ModelShelf::is_loaded(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(
      loaded_, [&](const Loaded& one) { return one.name == name && one.model.has_value(); });
}

Model ModelShelf::described(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return described_.at(name);
}

std::list<ModelShelf::Loaded>::iterator ModelShelf::find_loaded(const std::string& name) {
  return std::ranges::find(loaded_, name, &Loaded::name);
}

std::unique_ptr<ModelShelf::Lease> ModelShelf::lease(const std::string& name,
                                                     const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto is_free = [](const Loaded& one) { return one.num_leases == 0; };
  const auto can_go_on = [&] {
    const auto found = find_loaded(name);
    if (found != loaded_.end()) return found->model.has_value();  // else another thread loads it
    return loaded_.size() < keep_ || std::ranges::any_of(loaded_, is_free);
  };
  if (!changed_.wait(lock, stop, can_go_on))
    throw Error(ErrorCode::interrupted, "stopped before the model was loaded");
  if (const auto found = find_loaded(name); found != loaded_.end()) {
    loaded_.splice(loaded_.begin(), loaded_, found);
    auto lease = std::make_unique<Lease>(*this, name, *found->model);
    ++found->num_leases;
    return lease;
  }
  if (loaded_.size() >= keep_) {
    const auto last = std::find_if(loaded_.rbegin(), loaded_.rend(), is_free);
    loaded_.erase(std::next(last).base());
  }
  loaded_.push_front({.name = name, .model = {}, .num_leases = 1});
  const auto mine = loaded_.begin();
  lock.unlock();
  try {
    LoadedModel found = find(name)->load();
    lock.lock();
    mine->model = found.model;
    described_.at(name) = std::move(found.described);
    changed_.notify_all();
    return std::make_unique<Lease>(*this, name, std::move(found.model));
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    loaded_.erase(mine);
    changed_.notify_all();
    throw;
  }
}

void ModelShelf::give_back(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Loaded& loaded = *find_loaded(name);
  --loaded.num_leases;
  loaded.given_back = std::chrono::steady_clock::now();
  loaded.is_trimmed = false;
  changed_.notify_all();
}

bool ModelShelf::unload_unused(std::chrono::milliseconds time) {
  const auto latest = std::chrono::steady_clock::now() - time;
  const std::lock_guard lock(mutex_);
  const std::size_t num_unloaded = std::erase_if(
      loaded_, [&](const Loaded& one) { return one.num_leases == 0 && one.given_back <= latest; });
  if (num_unloaded > 0) changed_.notify_all();
  return num_unloaded > 0;
}

void ModelShelf::trim_unused(std::chrono::milliseconds time) {
  const auto latest = std::chrono::steady_clock::now() - time;
  const std::lock_guard lock(mutex_);
  for (Loaded& one : loaded_) {
    if (one.num_leases > 0 || one.given_back > latest || one.is_trimmed) continue;
    one.model->trim();
    one.is_trimmed = true;
  }
}

}  // namespace ddim::server
