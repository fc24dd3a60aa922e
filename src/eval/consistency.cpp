#include "eval/consistency.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "diffusion/plan.h"
#include "eval/differences.h"
#include "eval/interval.h"
#include "run/generate.h"

namespace ddim::engine::eval {

std::vector<ConsistencyAt> consistency(const run::TrainedNetwork& model,
                                       const ConsistencyOptions& options) {
  require(!options.steps.empty(), "consistency: no number of steps given");
  std::vector<std::int64_t> all_steps = options.steps;
  all_steps.push_back(options.reference_steps);
  std::vector<Plan> plans;
  for (const std::int64_t steps : all_steps) {
    PlanOptions plan = options.sample.plan;
    plan.steps = steps;
    plans.push_back(diffusion::make_plan(model.schedule, model.prediction, plan));
  }
  std::vector<ConsistencyAt> rows;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    SampleOptions sample = options.sample;
    sample.run.label = concat("S = ", all_steps[i]);
    Samples samples = run::generate(model, plans[i], sample).samples;
    rows.push_back({.steps = all_steps[i], .nfe = samples.nfe, .x_0 = std::move(samples.x_0)});
  }
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    std::vector<double> distances = eval::mean_squared_differences(rows[i].x_0, rows.back().x_0);
    for (double& distance : distances) distance = std::sqrt(distance);
    const Interval interval = mean_interval(distances);
    rows[i].distance = interval.mean;
    rows[i].half_width_95 = interval.half_width_95;
  }
  return rows;
}

}  // namespace ddim::engine::eval
