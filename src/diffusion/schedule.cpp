#include "diffusion/schedule.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "diffusion/betas.h"

namespace ddim::engine::diffusion {

Schedule::Schedule(std::vector<double> betas) : betas_(std::move(betas)) {
  constexpr double kMinAlphaBar = 1e-30;
  require(!betas_.empty() && num_steps() <= kMaxSteps, "betas: there are ", betas_.size(),
          "; expected 1 to ", kMaxSteps);
  alpha_bars_.reserve(betas_.size());
  double product = 1.0;
  for (std::size_t t = 0; t < betas_.size(); ++t) {
    const double beta = betas_[t];
    const bool is_zero_terminal_snr = beta == 1.0 && t > 0 && t + 1 == betas_.size();
    require((beta > 0.0 && beta < 1.0) || is_zero_terminal_snr, "betas: beta at t = ", t, " is ",
            beta, "; expected a number between 0 and 1, both excluded");
    const double next = product * (1.0 - beta);
    require((next < product && next > kMinAlphaBar) || is_zero_terminal_snr,
            "betas: alpha_bar at t = ", t, " is ", next, " after ", product, " (beta ", beta,
            "); expected it to decrease and to stay above ", kMinAlphaBar);
    alpha_bars_.push_back(product = next);
  }
}

Schedule Schedule::linear(double beta_start, double beta_end, std::int64_t T) {
  return Schedule(linear_betas({.beta_start = beta_start, .beta_end = beta_end, .T = T}));
}

double Schedule::alpha_bar(std::int64_t t) const {
  require(t >= -1 && t < num_steps(), "t is ", t, "; expected -1 to ", num_steps() - 1);
  return t < 0 ? 1.0 : alpha_bars_[static_cast<std::size_t>(t)];
}

double Schedule::alpha_bar_at(double t) const {
  const double last = static_cast<double>(num_steps() - 1);
  require(t == -1.0 || (t >= 0.0 && t <= last), "t is ", t, "; expected -1, or a number from 0 to ",
          last);
  const double below = std::floor(t);
  const auto index = static_cast<std::int64_t>(below);
  if (t == below) return alpha_bar(index);
  const double left = log_snr(alpha_bar(index)), right = log_snr(alpha_bar(index + 1));
  require(std::isfinite(right), "t is ", t, ", but alpha_bar is 0 at ", last,
          " and cannot be interpolated beyond ", last - 1.0);
  return alpha_bar_of_log_snr(left + (t - below) * (right - left));
}

double Schedule::t_at_log_snr(double wanted) const {
  // The first t whose log_snr is not above what is wanted.
  const auto right = std::partition_point(alpha_bars_.begin(), alpha_bars_.end(),
                                          [&](double a) { return log_snr(a) > wanted; });
  if (right == alpha_bars_.begin()) return 0.0;
  const auto index = static_cast<double>(right - alpha_bars_.begin());
  if (right == alpha_bars_.end()) return index - 1.0;
  const double above = log_snr(*(right - 1)), below = log_snr(*right);
  if (!std::isfinite(below)) return wanted == below ? index : index - 1.0;
  return index - (wanted - below) / (above - below);
}

namespace {

void check_end(const char* name, double beta) {
  require(beta > 0.0 && beta < 1.0, name, " must be a number between 0 and 1, both excluded; got ",
          beta);
}

}  // namespace

Schedule make_schedule(const ForwardProcess& process) {
  const bool is_list = process.schedule == BetaKind::list;
  require(!is_list || !process.betas.empty(), "betas: the list is empty");
  require(is_list || process.betas.empty(), "betas: a list is given, but the schedule is ",
          to_string(process.schedule));
  if (process.schedule == BetaKind::linear || process.schedule == BetaKind::scaled_linear) {
    check_end("beta_start", process.beta_start);
    check_end("beta_end", process.beta_end);
  }
  std::vector<double> betas = [&] {
    switch (process.schedule) {
      case BetaKind::linear:
        return linear_betas(process);
      case BetaKind::scaled_linear:
        return scaled_linear_betas(process);
      case BetaKind::cosine:
        return cosine_betas(process.T);
      case BetaKind::sigmoid:
        return sigmoid_betas(process);
      case BetaKind::list:
        break;
    }
    return process.betas;
  }();
  if (process.terminal_snr == TerminalSnr::zero) betas = with_zero_terminal_snr(betas);
  return Schedule(std::move(betas));
}

double log_snr(double alpha_bar) { return std::log(alpha_bar / (1.0 - alpha_bar)); }

double alpha_bar_of_log_snr(double log_snr) { return 1.0 / (1.0 + std::exp(-log_snr)); }

double noise_level(double alpha_bar) { return std::sqrt((1.0 - alpha_bar) / alpha_bar); }

}  // namespace ddim::engine::diffusion
