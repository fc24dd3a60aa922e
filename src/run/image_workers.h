#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "tensor/crew.h"
#include "tensor/device.h"

namespace ddim::engine::run {

struct ImageWorkersOptions {
  std::int64_t num_images = 1;  ///< of the whole task
  std::int64_t batch = 16;      ///< at most so many images are in memory at the same time
  int num_threads = 1;
  /// Of a micro-batch, beside what the device says.
  std::int64_t most_of_micro_batch = std::numeric_limits<std::int64_t>::max();
};

/// Many images through one network on several threads: a crew whose items are micro-batches of
/// images. A worker takes one through all of its steps and then the next one. Where there are fewer
/// images than threads, the others help. What an image becomes depends on none of this, because
/// what kernels compute for an image does not.
class ImageWorkers {
 public:
  /// Throws Error(user) unless all three numbers are at least 1.
  ImageWorkers(const Device& device, const ImageWorkersOptions& options);

  std::int64_t largest_micro_batch() const;
  /// Takes the memory that one micro-batch needs, for every worker, and starts counting.
  void reserve(std::size_t num_bytes);
  /// How often workers asked the system for activation memory since reserve().
  std::int64_t num_allocations_since_reserve() const;

  /// Calls task(worker, first, count) for micro-batches that cover images 0..num_images-1, from
  /// several threads at once. The first exception stops the others after their micro-batch and is
  /// rethrown.
  using Task =
      std::function<void(const Device& worker, std::int64_t first, std::int64_t num_images)>;
  void run(const Task& task);

 private:
  std::int64_t num_system_allocations() const;

  std::int64_t num_images_;
  std::int64_t num_micro_batches_;
  std::unique_ptr<Crew> crew_;
  std::int64_t num_allocations_at_reserve_ = 0;
};

}  // namespace ddim::engine::run
