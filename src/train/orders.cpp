#include "train/orders.h"

#include <algorithm>
#include <span>
#include <vector>

namespace ddim::engine::train {

std::int32_t Orders::exchange(std::int32_t number) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(ranks_.size()));
  numbers[static_cast<std::size_t>(ranks_.rank())] = number;
  comm::all_gather_values(ranks_, std::span(numbers), std::vector<std::int64_t>(numbers.size(), 1));
  others_stop_ = others_stop_ || std::any_of(numbers.begin() + 1, numbers.end(),
                                             [](std::int32_t stops) { return stops != 0; });
  return numbers.front();
}

}  // namespace ddim::engine::train
