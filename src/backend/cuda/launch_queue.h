// Kernels on their way to a GPU. They are collected, and begun together where somebody waits for
// them or sends something: the same kernels again, as in each step of a sampler, go as one graph,
// which costs the host a call instead of one for each. Libraries have one for a stream.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/cuda/library.h"
#include "base/text.h"

namespace ddim::engine::cuda {

/// A kernel with its arguments.
struct Launched {
  KernelId kernel = KernelId::count;
  LaunchShape shape = {};
  std::vector<std::byte> arguments = {};

  /// Whether a graph that has `other` here can have this instead: only arguments may differ.
  bool has_place_of(const Launched& other) const {
    return kernel == other.kernel && shape.threads == other.shape.threads &&
           shape.shared_bytes == other.shape.shared_bytes &&
           std::memcmp(shape.grid, other.shape.grid, sizeof shape.grid) == 0;
  }
};

/// `Executor` begins kernels, in order, and returns null or an error as the functions of a library:
///   using Graph = ...;
///   const char* launch(const Launched&);
///   std::unique_ptr<Graph> make_graph(const std::vector<Launched>&);    null: it cannot be done
///   bool change(Graph&, std::size_t place, const Launched&);    other arguments; whether it was
///   done const char* launch(Graph&);
template <class Executor>
class LaunchQueue {
 public:
  explicit LaunchQueue(Executor executor) : executor_(std::move(executor)) {}

  const char* add(KernelId kernel, const LaunchShape& shape, const void* arguments,
                  std::size_t argument_bytes) {
    if (num_waiting_ == waiting_.size()) waiting_.emplace_back();
    Launched& launched = waiting_[num_waiting_++];  // its memory is used again
    launched.kernel = kernel;
    launched.shape = shape;
    const auto* bytes = static_cast<const std::byte*>(arguments);
    launched.arguments.assign(bytes, bytes + argument_bytes);
    return num_waiting_ < kMostWaiting ? nullptr : flush();
  }

  /// Begins what waits.
  const char* flush() {
    waiting_.resize(num_waiting_);
    num_waiting_ = 0;
    if (waiting_.empty()) return nullptr;
    if (waiting_.size() < kFewestOfGraph) return launch_one_by_one();
    Known* const known = find();
    if (known == nullptr) {
      if (known_.size() == kMostKnown) known_.erase(known_.begin());  // the oldest
      known_.push_back({.sequence = waiting_, .graph = nullptr, .is_refused = false});
      return launch_one_by_one();
    }
    if (known->graph == nullptr && !known->is_refused) {
      known->sequence = waiting_;
      known->graph = executor_.make_graph(waiting_);
      known->is_refused = known->graph == nullptr;
    } else if (known->graph != nullptr && !change(*known)) {
      known->graph = nullptr;
      known->is_refused = true;
    }
    return known->graph == nullptr ? launch_one_by_one() : executor_.launch(*known->graph);
  }

  Executor& executor() { return executor_; }

 private:
  static constexpr std::size_t kMostWaiting = 1024;  // those of a large network's call, and more
  static constexpr std::size_t kFewestOfGraph = 8;
  static constexpr std::size_t kMostKnown = 32;

  struct Known {
    std::vector<Launched> sequence;
    std::unique_ptr<typename Executor::Graph> graph;  ///< from the second time on
    bool is_refused;
  };

  Known* find() {
    for (Known& known : known_) {
      if (known.sequence.size() != waiting_.size()) continue;
      bool same = true;
      for (std::size_t i = 0; same && i < waiting_.size(); ++i)
        same = waiting_[i].has_place_of(known.sequence[i]);
      if (same) return &known;
    }
    return nullptr;
  }

  /// Gives the graph the arguments that are other ones now.
  bool change(Known& known) {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (known.sequence[i].arguments == waiting_[i].arguments) continue;
      if (!executor_.change(*known.graph, i, waiting_[i])) return false;
      known.sequence[i].arguments = waiting_[i].arguments;
    }
    return true;
  }

  const char* launch_one_by_one() {
    for (const Launched& launched : waiting_) {
      const char* error = executor_.launch(launched);
      if (error == nullptr) continue;
      const std::uint32_t* grid = launched.shape.grid;
      error_ = concat("kernel ", static_cast<std::uint32_t>(launched.kernel), " on a grid of ",
                      grid[0], "x", grid[1], "x", grid[2], ": ", error);
      return error_.c_str();
    }
    return nullptr;
  }

  Executor executor_;
  std::vector<Launched> waiting_;
  std::size_t num_waiting_ = 0;
  std::vector<Known> known_;
  std::string error_;
};

}  // namespace ddim::engine::cuda
