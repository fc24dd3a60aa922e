#pragma once

#include <cstdint>
#include <vector>

namespace ddim::engine::data {

/// The order of the images in training: one endless sequence of shuffled passes over the data set.
/// Step s of batch size B uses its places s*B .. s*B+B-1. Each pass is a permutation that depends
/// only on (seed, epoch) (Fisher-Yates, Philox purpose shuffle). So the step number of a run is
/// also its position in the data, and there is nothing else to save.
class EpochOrder {
 public:
  EpochOrder(std::int64_t num_images, std::uint64_t seed);

  /// The index of the image at `place` of the sequence. Not thread-safe: it keeps the permutation
  /// of the last epoch.
  std::int64_t image_at(std::int64_t place);
  /// The images of one step, in order.
  std::vector<std::int64_t> batch(std::int64_t step, std::int64_t batch_size);

 private:
  std::int64_t num_images_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

/// The permutation of 0..num_images-1 in epoch `epoch`.
std::vector<std::int64_t> epoch_permutation(std::int64_t num_images, std::uint64_t seed,
                                            std::int64_t epoch);

}  // namespace ddim::engine::data
