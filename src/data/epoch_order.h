#pragma once

#include <cstdint>
#include <vector>

namespace ddim::data {

/// Which image stands where in training. Training walks through one endless sequence, one shuffled
/// pass over the data set after the other; step s of batch size B takes its places s*B .. s*B+B-1.
/// Each pass is a permutation that follows from (seed, epoch) alone (Fisher-Yates, Philox purpose
/// shuffle), so the data position of a run is its step number and there is nothing to save.
class EpochOrder {
 public:
  EpochOrder(std::int64_t num_images, std::uint64_t seed);

  /// The index of the image at `place` of the endless sequence. Keeps the permutation of the last
  /// epoch asked for: not for several threads.
  std::int64_t image_at(std::int64_t place);
  /// The images of one step, in order.
  std::vector<std::int64_t> batch(std::int64_t step, std::int64_t batch_size);

 private:
  std::int64_t num_images_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

/// The permutation of 0..num_images-1 that epoch `epoch` visits.
std::vector<std::int64_t> epoch_permutation(std::int64_t num_images, std::uint64_t seed,
                                            std::int64_t epoch);

}  // namespace ddim::data
