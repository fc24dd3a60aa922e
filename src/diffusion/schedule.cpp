#include "diffusion/schedule.h"

#include <utility>

#include "base/error.h"

namespace ddim::diffusion {

Schedule::Schedule(std::vector<double> betas) : betas_(std::move(betas)) {
  constexpr double kMinAlphaBar = 1e-30;
  require(!betas_.empty() && num_steps() <= kMaxSteps, "schedule: ", betas_.size(),
          " betas; expected 1 to ", kMaxSteps);
  alpha_bars_.reserve(betas_.size());
  double product = 1.0;
  for (std::size_t t = 0; t < betas_.size(); ++t) {
    const double beta = betas_[t];
    require(beta > 0.0 && beta < 1.0, "schedule: beta at t = ", t, " is ", beta,
            "; expected a number between 0 and 1, both excluded");
    const double next = product * (1.0 - beta);
    require(next < product && next > kMinAlphaBar, "schedule: alpha_bar at t = ", t, " is ", next,
            " after ", product, " (beta ", beta, "); expected it to decrease and to stay above ",
            kMinAlphaBar);
    alpha_bars_.push_back(product = next);
  }
}

Schedule Schedule::linear(double beta_start, double beta_end, std::int64_t T) {
  require(T >= 1 && T <= kMaxSteps, "schedule: T is ", T, "; expected 1 to ", kMaxSteps);
  std::vector<double> betas(static_cast<std::size_t>(T), beta_start);
  // Like numpy.linspace, so that the sums are those of the official code.
  const double distance = T > 1 ? (beta_end - beta_start) / static_cast<double>(T - 1) : 0.0;
  for (std::size_t t = 1; t < betas.size(); ++t)
    betas[t] = static_cast<double>(t) * distance + beta_start;
  if (T > 1) betas.back() = beta_end;
  return Schedule(std::move(betas));
}

double Schedule::alpha_bar(std::int64_t t) const {
  require(t >= -1 && t < num_steps(), "schedule: t is ", t, "; expected -1 to ", num_steps() - 1);
  return t < 0 ? 1.0 : alpha_bars_[static_cast<std::size_t>(t)];
}

}  // namespace ddim::diffusion
