#include <ddim/consistency.h>
#include <ddim/pictures.h>

#include <cmath>

#include "base/error.h"

namespace ddim {
namespace {

ConsistencyAt draw(const Model& model, std::int64_t steps, const ConsistencyOptions& options) {
  Samples samples = sample(model, {.steps = steps,
                                   .tau = options.tau,
                                   .clip = options.clip,
                                   .count = options.count,
                                   .seed = options.seed,
                                   .class_choice = options.class_choice,
                                   .batch = options.batch,
                                   .threads = options.threads,
                                   .show_progress = options.show_progress,
                                   .stop = options.stop});
  return {.steps = steps, .nfe = samples.nfe, .x_0 = std::move(samples.x_0)};
}

/// The mean over pictures and its 95 % interval.
void measure(const FloatImages& reference, ConsistencyAt& row) {
  std::vector<double> distances = mean_squared_differences(row.x_0, reference);
  const auto n = static_cast<double>(distances.size());
  for (double& distance : distances) row.distance += (distance = std::sqrt(distance)) / n;
  double variance = 0.0;
  for (const double distance : distances)
    variance += (distance - row.distance) * (distance - row.distance) / std::max(n - 1.0, 1.0);
  row.half_width_95 = 1.96 * std::sqrt(variance / n);
}

}  // namespace

std::vector<ConsistencyAt> consistency(const Model& model, const ConsistencyOptions& options) {
  require(!options.steps.empty(), "consistency: no number of steps given");
  std::vector<std::int64_t> all_steps = options.steps;
  all_steps.push_back(options.reference_steps);
  for (const std::int64_t steps : all_steps)  // refuses before anything is drawn
    make_plan(model, {.steps = steps, .tau = options.tau, .clip = options.clip});
  std::vector<ConsistencyAt> rows;
  for (const std::int64_t steps : all_steps) rows.push_back(draw(model, steps, options));
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) measure(rows.back().x_0, rows[i]);
  return rows;
}

}  // namespace ddim
