#include <ddim/encode.h>
#include <ddim/pictures.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "api/float_images.h"
#include "eval/code_statistics.h"

namespace ddim {
namespace {

/// Table 2, CIFAR-10's test set.
std::optional<double> error_in_paper(std::int64_t steps) {
  static const std::map<std::int64_t, double> table = {
      {10, 0.014},   {20, 0.0065},  {50, 0.0023},   {100, 0.0009},
      {200, 0.0004}, {500, 0.0001}, {1000, 0.0001},
  };
  const auto row = table.find(steps);
  return row == table.end() ? std::nullopt : std::optional(row->second);
}

double largest_difference(const FloatImages& a, const FloatImages& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.values[i]) - b.values[i]) / 2.0);
  return largest;
}

CodeStatistic public_of(const eval::Statistic& statistic) {
  return {.value = statistic.value,
          .expected = statistic.expected,
          .standard_error = statistic.standard_error};
}

ReconstructedAt reconstruct_with(const Model& model, const FloatImages& pictures,
                                 std::int64_t steps, const ReconstructOptions& options) {
  const Codes codes = encode(model, pictures,
                             {.steps = steps,
                              .tau = options.tau,
                              .method = options.method,
                              .dequantise = options.dequantise,
                              .class_choice = options.class_choice,
                              .batch = options.batch,
                              .threads = options.threads,
                              .show_progress = options.show_progress,
                              .stop = options.stop});
  Samples decoded = decode(model, codes,
                           {.clip = options.clip,
                            .class_choice = options.class_choice,
                            .batch = options.batch,
                            .threads = options.threads,
                            .show_progress = options.show_progress,
                            .stop = options.stop});
  const std::vector<double> errors = mean_squared_differences(pictures, decoded.x_0);
  return {.steps = steps,
          .mean_squared_error = std::accumulate(errors.begin(), errors.end(), 0.0) /
                                static_cast<double>(errors.size()),
          .largest_error = largest_difference(pictures, decoded.x_0),
          .paper = error_in_paper(steps),
          .nfe = codes.nfe + static_cast<double>(decoded.nfe),
          .residual = codes.residual,
          .seconds = codes.seconds + decoded.seconds,
          .codes = code_statistics(codes.x_T),
          .x_0 = std::move(decoded.x_0)};
}

}  // namespace

CodeStatistics code_statistics(const FloatImages& x_T) {
  check_values(x_T, "x_T");
  const eval::CodeStatistics found = eval::code_statistics(x_T.values, x_T.height, x_T.width);
  return {.mean = public_of(found.mean),
          .variance = public_of(found.variance),
          .kurtosis = public_of(found.kurtosis),
          .correlation = public_of(found.correlation)};
}

std::vector<ReconstructedAt> reconstruct(const Model& model, const FloatImages& pictures,
                                         const ReconstructOptions& options) {
  require(!options.steps.empty(), "reconstruct: no number of steps given");
  for (const std::int64_t steps : options.steps)
    make_plan(model, {.steps = steps, .tau = options.tau});  // refuses before anything is computed
  std::vector<ReconstructedAt> table;
  for (const std::int64_t steps : options.steps)
    table.push_back(reconstruct_with(model, pictures, steps, options));
  return table;
}

}  // namespace ddim
