#pragma once

#include <memory>
#include <string>

#include "tensor/arena.h"

namespace ddim {

class Kernels;
class Tensor;

/// A place where tensors live and ops run: a handle, cheap to copy. It owns everything that a
/// backend keeps between calls (packed weights, primitive caches, workspaces); there is none
/// outside.
///
/// One device is used by one thread at a time. To run on several threads, give each its own
/// worker(): workers see the same parameters and share their packed copies, and have their own
/// arena, caches and workspaces.
class Device {
 public:
  /// What a backend provides for one worker.
  struct Backend {
    virtual ~Backend() = default;
    virtual Kernels& kernels() = 0;
    /// A backend for another thread, sharing packed parameters, using `num_threads` threads in an
    /// op.
    virtual std::unique_ptr<Backend> fork(int num_threads) = 0;
    virtual std::unique_ptr<MemorySource> memory() = 0;
    /// "cpu avx512, 2 threads"
    virtual std::string describe() const = 0;
  };

  Device() = default;
  explicit Device(std::unique_ptr<Backend> backend);

  Kernels& kernels() const { return *state_->kernels; }
  Arena& arena() const { return *state_->arena; }
  Arena& persistent_memory() const { return *state_->persistent_memory; }
  std::string describe() const { return state_->backend->describe(); }
  /// A device for another thread, whose ops use `num_threads` threads.
  Device worker(int num_threads) const;

  explicit operator bool() const { return state_ != nullptr; }

 private:
  struct State {
    std::shared_ptr<Arena> persistent_memory;  // shared with the workers; dies last
    std::unique_ptr<Arena> arena;
    std::unique_ptr<Backend> backend;
    Kernels* kernels = nullptr;
  };
  explicit Device(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace ddim
