#pragma once

#include <cstdint>
#include <vector>

namespace ddim::diffusion {

/// The forward process: how much of the image is left after each training step, in double.
///   q(x_t | x_0) = N(sqrt(alpha_bar(t)) x_0, 1 - alpha_bar(t))        (DDIM paper, above eq. 4)
/// t counts from 0 here and from 1 in the paper, whose alpha_t is alpha_bar(t - 1).
class Schedule {
 public:
  static constexpr std::int64_t kMaxSteps = 1'000'000;

  /// alpha_bar(t) = product over s <= t of (1 - betas[s]). Throws Error(user) unless there are
  /// 1..kMaxSteps betas, each in (0, 1), and alpha_bar stays decreasing and above 1e-30 in double:
  /// a smaller one cannot be divided by.
  explicit Schedule(std::vector<double> betas);

  /// T betas with equal distances, both ends included (Ho et al. 2020, section 4).
  static Schedule linear(double beta_start = 1e-4, double beta_end = 0.02, std::int64_t T = 1000);

  /// T
  std::int64_t num_steps() const { return static_cast<std::int64_t>(betas_.size()); }
  /// t in -1..T-1; alpha_bar(-1) = 1, the clean image.
  double alpha_bar(std::int64_t t) const;
  const std::vector<double>& betas() const { return betas_; }

 private:
  std::vector<double> betas_;
  std::vector<double> alpha_bars_;
};

}  // namespace ddim::diffusion
