#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "tensor/arena.h"
#include "tensor/dtype.h"

namespace ddim::engine {

class DerivedParameters;
class Kernels;
class Tensor;
class ThreadTeam;

/// How the images of a task are best divided on a backend. It decides nothing but the time.
struct ImageDivision {
  std::int64_t largest_micro_batch = 8;
  std::int64_t most_workers = std::numeric_limits<std::int64_t>::max();
};

/// A place where tensors live and ops run: a handle, cheap to copy. It owns everything that is kept
/// between calls: what was derived from parameters, and a backend's primitives and workspaces.
///
/// One device is used by one thread at a time. To run on several threads, give each its own
/// worker(): workers share the parameters and what is derived from them, and have their own arena,
/// primitives and workspaces.
class Device {
 public:
  /// What a backend provides for one worker.
  struct Backend {
    virtual ~Backend() = default;
    virtual Kernels& kernels() = 0;
    /// A backend for another thread, whose ops may share out their loops among those of `team`.
    virtual std::unique_ptr<Backend> fork(std::shared_ptr<ThreadTeam> team) = 0;
    /// Whether they do.
    virtual bool shares_out_loops() const { return false; }
    virtual std::unique_ptr<MemorySource> memory() = 0;
    /// Whether the host can read and write it in place.
    virtual bool memory_is_the_hosts() const { return true; }
    /// How much memory there is to be had, where it is not the host's.
    virtual std::optional<std::size_t> free_bytes() const { return std::nullopt; }
    virtual ImageDivision image_division() const { return {}; }
    /// What a network of f32 keeps between its first layer and its last, gradients included.
    virtual DType activation_dtype() const { return DType::f32; }
    /// Returns when everything is done that was asked for; for whoever takes the time.
    virtual void wait() const {}
    /// What decides the last bits of a result: "cpu avx512", "cpu avx512, bf16"
    virtual std::string describe() const = 0;
  };

  Device() = default;
  explicit Device(std::unique_ptr<Backend> backend);

  Kernels& kernels() const { return *state_->kernels; }
  Arena& arena() const { return *state_->arena; }
  Arena& persistent_memory() const { return *state_->persistent_memory; }
  DerivedParameters& derived_parameters() const { return *state_->derived_parameters; }
  std::string describe() const { return state_->backend->describe(); }
  bool memory_is_the_hosts() const { return state_->backend->memory_is_the_hosts(); }
  std::optional<std::size_t> free_bytes() const { return state_->backend->free_bytes(); }
  ImageDivision image_division() const { return state_->backend->image_division(); }
  /// What a network whose input and output are of `dtype` keeps between its first layer and its
  /// last.
  DType activation_dtype(DType dtype) const {
    return dtype == DType::f32 ? state_->backend->activation_dtype() : dtype;
  }
  void wait() const { state_->backend->wait(); }
  bool shares_out_loops() const { return state_->backend->shares_out_loops(); }
  /// A device for another thread, whose ops may share out their loops among those of `team`.
  Device worker(std::shared_ptr<ThreadTeam> team) const;
  /// The same with `num_threads` threads of its own. Error(user) below 1.
  Device worker(int num_threads) const;

  explicit operator bool() const { return state_ != nullptr; }

 private:
  struct State {
    // Shared with the workers. Memory dies last.
    std::shared_ptr<Arena> persistent_memory;
    std::shared_ptr<DerivedParameters> derived_parameters;
    std::unique_ptr<Arena> arena;
    std::unique_ptr<Backend> backend;
    Kernels* kernels = nullptr;
  };
  explicit Device(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace ddim::engine
