#include "diffusion/betas.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "diffusion/schedule.h"

namespace ddim::engine::diffusion {
namespace {

/// T numbers with equal distances, as numpy.linspace computes them.
std::vector<double> equal_distances(double start, double end, std::int64_t T) {
  require(T >= 1 && T <= Schedule::kMaxSteps, "T: ", T, " training steps; expected 1 to ",
          Schedule::kMaxSteps);
  std::vector<double> values(static_cast<std::size_t>(T), start);
  const double distance = T > 1 ? (end - start) / static_cast<double>(T - 1) : 0.0;
  for (std::size_t t = 1; t < values.size(); ++t)
    values[t] = static_cast<double>(t) * distance + start;
  if (T > 1) values.back() = end;
  return values;
}

}  // namespace

std::vector<double> linear_betas(const ForwardProcess& process) {
  return equal_distances(process.beta_start, process.beta_end, process.T);
}

std::vector<double> scaled_linear_betas(const ForwardProcess& process) {
  std::vector<double> betas =
      equal_distances(std::sqrt(process.beta_start), std::sqrt(process.beta_end), process.T);
  for (double& beta : betas) beta *= beta;
  return betas;
}

std::vector<double> cosine_betas(std::int64_t T) {
  std::vector<double> betas = equal_distances(0.0, 0.0, T);
  const auto alpha_bar = [T](std::size_t t) {
    const double u = static_cast<double>(t) / static_cast<double>(T);
    const double root = std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2.0);
    return root * root;
  };
  for (std::size_t t = 0; t < betas.size(); ++t)
    betas[t] = std::min(1.0 - alpha_bar(t + 1) / alpha_bar(t), 0.999);
  return betas;
}

std::vector<double> sigmoid_betas(const ForwardProcess& process) {
  std::vector<double> betas = equal_distances(-6.0, 6.0, process.T);
  for (double& beta : betas)
    beta = process.beta_start + (process.beta_end - process.beta_start) / (1.0 + std::exp(-beta));
  return betas;
}

std::vector<double> with_zero_terminal_snr(const std::vector<double>& betas) {
  require(betas.size() >= 2, "T: a zero terminal SNR needs at least 2 steps, not ", betas.size());
  const Schedule schedule(betas);
  const double first = std::sqrt(schedule.alpha_bar(0));
  const double last = std::sqrt(schedule.alpha_bar(schedule.num_steps() - 1));
  std::vector<double> rescaled = {betas.front()};
  double previous = first;
  for (std::int64_t t = 1; t < schedule.num_steps(); ++t) {
    const double root = (std::sqrt(schedule.alpha_bar(t)) - last) * (first / (first - last));
    rescaled.push_back(1.0 - (root / previous) * (root / previous));
    previous = root;
  }
  return rescaled;
}

}  // namespace ddim::engine::diffusion
