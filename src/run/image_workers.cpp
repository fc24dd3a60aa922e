#include "run/image_workers.h"

#include <algorithm>

#include "base/error.h"

namespace ddim::engine::run {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

ImageWorkers::ImageWorkers(const Device& device, const ImageWorkersOptions& options)
    : num_images_(options.num_images) {
  require(options.num_images >= 1, "count must be 1 or greater; got ", options.num_images);
  require(options.batch >= 1, "batch must be 1 or greater; got ", options.batch);
  require(options.num_threads >= 1, "threads must be 1 or greater; got ", options.num_threads);

  const std::int64_t num_at_once = std::min(options.batch, options.num_images);
  const ImageDivision division = device.image_division();
  const std::int64_t num_workers =
      std::min({std::int64_t{options.num_threads}, num_at_once, division.most_workers});
  const std::int64_t size = std::min(
      {num_at_once / num_workers, division.largest_micro_batch, options.most_of_micro_batch});
  // A multiple of the workers, so that none is left waiting for the last micro-batch.
  const std::int64_t rounds = divide_up(divide_up(num_images_, size), num_workers);
  num_micro_batches_ = std::min(rounds * num_workers, num_images_);
  crew_ = std::make_unique<Crew>(device, static_cast<int>(num_workers), options.num_threads);
}

std::int64_t ImageWorkers::largest_micro_batch() const {
  return divide_up(num_images_, num_micro_batches_);
}

void ImageWorkers::reserve(std::size_t num_bytes) {
  for (const Device& worker : crew_->workers()) worker.arena().reserve(num_bytes);
  num_allocations_at_reserve_ = num_system_allocations();
}

std::int64_t ImageWorkers::num_allocations_since_reserve() const {
  return num_system_allocations() - num_allocations_at_reserve_;
}

std::int64_t ImageWorkers::num_system_allocations() const {
  std::int64_t sum = 0;
  for (const Device& worker : crew_->workers()) sum += worker.arena().num_system_allocations();
  return sum;
}

void ImageWorkers::run(const Task& task) {
  crew_->run(num_micro_batches_, [&](const Device& worker, std::int64_t i) {
    const std::int64_t first = i * num_images_ / num_micro_batches_;
    const std::int64_t end = (i + 1) * num_images_ / num_micro_batches_;
    task(worker, first, end - first);
  });
}

}  // namespace ddim::engine::run
