// Kernels on their way to a GPU. They are collected, and begun together where somebody waits for
// them or sends something: the same kernels again, as in each step of a sampler, go as one graph,
// which costs the host a call instead of one for each. Libraries have one for a stream.
#pragma once

#include <algorithm>
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

  /// Begins what waits. After a failure, kernels are missing and what is in memory is wrong: that
  /// is said again for ever.
  const char* flush() {
    waiting_.resize(num_waiting_);
    num_waiting_ = 0;
    if (failure_.empty() && !waiting_.empty()) failure_ = begin_waiting();
    return failure_.empty() ? nullptr : failure_.c_str();
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

  /// What went wrong; empty if nothing did.
  std::string begin_waiting() {
    if (waiting_.size() < kFewestOfGraph) return launch_one_by_one();
    Known* const known = find();
    if (known == nullptr) {
      if (known_.size() == kMostKnown) known_.erase(known_.begin());  // used longest ago
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
    if (known->graph == nullptr) return launch_one_by_one();
    const char* const error = executor_.launch(*known->graph);
    return error == nullptr ? "" : error;
  }

  /// The sequence that waits, as the one that was used last.
  Known* find() {
    const auto place_of_next = [](const Launched& next, const Launched& known) {
      return next.has_place_of(known);
    };
    const auto found = std::ranges::find_if(known_, [&](const Known& known) {
      return std::ranges::equal(waiting_, known.sequence, place_of_next);
    });
    if (found == known_.end()) return nullptr;
    std::rotate(found, found + 1, known_.end());
    return &known_.back();
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

  std::string launch_one_by_one() {
    for (const Launched& launched : waiting_) {
      const char* error = executor_.launch(launched);
      if (error == nullptr) continue;
      const std::uint32_t* grid = launched.shape.grid;
      return concat("kernel ", static_cast<std::uint32_t>(launched.kernel), " on a grid of ",
                    grid[0], "x", grid[1], "x", grid[2], ": ", error);
    }
    return "";
  }

  Executor executor_;
  std::vector<Launched> waiting_;
  std::size_t num_waiting_ = 0;
  std::vector<Known> known_;
  std::string failure_;
};

}  // namespace ddim::engine::cuda
