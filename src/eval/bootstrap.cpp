#include "eval/bootstrap.h"

#include <cmath>
#include <vector>

#include "base/workers.h"
#include "eval/interval.h"

namespace ddim::engine::eval {

double bootstrap_half_width(std::int64_t num_resamples, int num_threads,
                            const std::function<double(std::int64_t index)>& measure) {
  std::vector<double> values(static_cast<std::size_t>(num_resamples));
  run_workers(num_threads, num_resamples, [&](int, std::int64_t index) {
    values[static_cast<std::size_t>(index)] = measure(index);
  });
  return mean_interval(values).half_width_95 * std::sqrt(static_cast<double>(num_resamples));
}

}  // namespace ddim::engine::eval
