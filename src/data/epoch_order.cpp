#include "data/epoch_order.h"

#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/philox.h"

namespace ddim::engine::data {

std::vector<std::int64_t> epoch_permutation(std::int64_t num_images, std::uint64_t seed,
                                            std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(num_images));
  std::iota(order.begin(), order.end(), 0);
  const NoiseKey key{
      .seed = seed, .purpose = Purpose::shuffle, .step = static_cast<std::uint32_t>(epoch)};
  for (std::size_t i = order.size(); i-- > 1;) {
    const auto bits = random_block(key, 0, static_cast<std::uint32_t>(i));
    const std::uint64_t random = (std::uint64_t{bits[0]} << 32) | bits[1];
    // i < 2^32, so the bias of the remainder is below 2^-32.
    std::swap(order[i], order[random % (i + 1)]);
  }
  return order;
}

EpochOrder::EpochOrder(std::int64_t num_images, std::uint64_t seed)
    : num_images_(num_images), seed_(seed) {
  require(num_images > 0 && num_images < (std::int64_t{1} << 32), "data: ", num_images,
          " images; a data set has 1 to 2^32-1");
}

std::int64_t EpochOrder::image_at(std::int64_t place) {
  const std::int64_t epoch = place / num_images_;
  if (epoch != epoch_) {
    order_ = epoch_permutation(num_images_, seed_, epoch);
    epoch_ = epoch;
  }
  return order_[static_cast<std::size_t>(place % num_images_)];
}

std::vector<std::int64_t> EpochOrder::batch(std::int64_t step, std::int64_t batch_size) {
  std::vector<std::int64_t> images(static_cast<std::size_t>(batch_size));
  for (std::int64_t i = 0; i < batch_size; ++i)
    images[static_cast<std::size_t>(i)] = image_at(step * batch_size + i);
  return images;
}

}  // namespace ddim::engine::data
