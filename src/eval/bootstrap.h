#pragma once

#include <cstdint>
#include <functional>

namespace ddim::engine::eval {

/// Half the 95 % interval of a measure: 1.96 standard deviations of its values for `num_resamples`
/// bootstrap samples, measure(0) to measure(num_resamples - 1), from several threads at once.
double bootstrap_half_width(std::int64_t num_resamples, int num_threads,
                            const std::function<double(std::int64_t index)>& measure);

}  // namespace ddim::engine::eval
