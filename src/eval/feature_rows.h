#pragma once

#include <cstdint>
#include <iterator>
#include <span>

namespace ddim::engine::eval {

/// The features of a set of pictures: [count,dimensions], row by row.
struct FeatureRows {
  std::int64_t dimensions = 0;
  std::span<const float> values = {};

  std::int64_t count() const { return dimensions == 0 ? 0 : std::ssize(values) / dimensions; }
  std::span<const float> operator[](std::int64_t row) const {
    return values.subspan(static_cast<std::size_t>(row * dimensions),
                          static_cast<std::size_t>(dimensions));
  }
};

}  // namespace ddim::engine::eval
