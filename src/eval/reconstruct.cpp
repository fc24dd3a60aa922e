#include "eval/reconstruct.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "diffusion/plan.h"
#include "eval/code_statistics.h"
#include "eval/differences.h"
#include "run/encode.h"
#include "run/generate.h"

namespace ddim::engine::eval {
namespace {

/// Table 2, CIFAR-10's test set.
constexpr std::pair<std::int64_t, double> kErrorsInPaper[] = {
    {10, 0.014},   {20, 0.0065},  {50, 0.0023},   {100, 0.0009},
    {200, 0.0004}, {500, 0.0001}, {1000, 0.0001},
};

std::optional<double> error_in_paper(std::int64_t steps) {
  for (const auto& [S, error] : kErrorsInPaper)
    if (S == steps) return error;
  return std::nullopt;
}

ReconstructedAt reconstruct_with(const run::TrainedNetwork& model, const FloatImages& pictures,
                                 std::int64_t steps, const ReconstructOptions& options) {
  EncodeOptions encode = options.encode;
  encode.plan.steps = steps;
  encode.run.label = concat("S = ", steps, ", encoding");
  const Codes codes = run::encode(model, pictures, encode);
  SampleOptions decoding = run::decoding(codes, {.clip = options.clip,
                                                 .class_choice = options.encode.class_choice,
                                                 .run = options.encode.run});
  decoding.run.label = concat("S = ", steps, ", decoding");
  Samples decoded =
      run::generate(model, diffusion::make_plan(model.schedule, model.prediction, decoding.plan),
                    decoding)
          .samples;
  const std::vector<double> errors = eval::mean_squared_differences(pictures, decoded.x_0);
  return {.steps = steps,
          .mean_squared_error = std::accumulate(errors.begin(), errors.end(), 0.0) /
                                static_cast<double>(errors.size()),
          .largest_error = largest_difference(pictures, decoded.x_0),
          .paper = error_in_paper(steps),
          .nfe = codes.nfe + static_cast<double>(decoded.nfe),
          .residual = codes.residual,
          .seconds = codes.seconds + decoded.seconds,
          .codes = eval::code_statistics(codes.x_T),
          .x_0 = std::move(decoded.x_0)};
}

}  // namespace

std::vector<ReconstructedAt> reconstruct(const run::TrainedNetwork& model,
                                         const FloatImages& pictures,
                                         const ReconstructOptions& options) {
  require(!options.steps.empty(), "reconstruct: no number of steps given");
  for (const std::int64_t steps : options.steps) {
    PlanOptions plan = options.encode.plan;
    plan.steps = steps;
    diffusion::make_plan(model.schedule, model.prediction, plan);
  }
  std::vector<ReconstructedAt> table;
  for (const std::int64_t steps : options.steps)
    table.push_back(reconstruct_with(model, pictures, steps, options));
  return table;
}

}  // namespace ddim::engine::eval
