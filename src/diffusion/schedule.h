#pragma once

#include <ddim/forward_process.h>

#include <cstdint>
#include <vector>

namespace ddim::engine::diffusion {

/// The forward process: how much of the image is left after each training step, in double.
///   q(x_t | x_0) = N(sqrt(alpha_bar(t)) x_0, 1 - alpha_bar(t))        (DDIM paper, above eq. 4)
/// t counts from 0 here and from 1 in the paper, whose alpha_t is alpha_bar(t - 1).
class Schedule {
 public:
  static constexpr std::int64_t kMaxSteps = 1'000'000;

  /// alpha_bar(t) = product over s <= t of (1 - betas[s]). Throws Error(user) unless there are
  /// 1..kMaxSteps betas, each in (0, 1), and alpha_bar stays decreasing and above 1e-30 in double:
  /// a smaller one cannot be divided by. The last beta alone may be 1 (zero terminal SNR).
  explicit Schedule(std::vector<double> betas);

  /// T betas with equal distances, both ends included (Ho et al. 2020, section 4).
  static Schedule linear(double beta_start = 1e-4, double beta_end = 0.02, std::int64_t T = 1000);

  /// T
  std::int64_t num_steps() const { return static_cast<std::int64_t>(betas_.size()); }
  /// t in -1..T-1; alpha_bar(-1) = 1, the clean image.
  double alpha_bar(std::int64_t t) const;
  const std::vector<double>& betas() const { return betas_; }
  /// Whether nothing of the image is left at T-1: alpha_bar(T-1) = 0.
  bool has_zero_terminal_snr() const { return alpha_bars_.back() == 0.0; }

  /// alpha_bar at a real t: -1, or 0..T-1. Exactly alpha_bar(t) at whole numbers; between them
  /// log_snr is a straight line. Throws Error(user) for other t, and between T-2 and T-1 when the
  /// terminal SNR is zero: no line leads to minus infinity.
  double alpha_bar_at(double t) const;
  /// The t in 0..T-1 at which log_snr(alpha_bar_at(t)) is `log_snr`; clamped to the ends.
  double t_at_log_snr(double log_snr) const;

 private:
  std::vector<double> betas_;
  std::vector<double> alpha_bars_;
};

/// The schedule of a forward process. Error(user) as Schedule(), and for a list of betas where none
/// belongs or none where one does.
Schedule make_schedule(const ForwardProcess& process);

/// log(alpha_bar / (1 - alpha_bar)), the logarithm of the signal-to-noise ratio; -2
/// log(noise_level).
double log_snr(double alpha_bar);
/// The alpha_bar that has this log_snr.
double alpha_bar_of_log_snr(double log_snr);
/// sqrt((1 - alpha_bar) / alpha_bar): the standard deviation of the noise in y = x /
/// sqrt(alpha_bar) (eq. 14's sigma). Infinite for alpha_bar 0.
double noise_level(double alpha_bar);

}  // namespace ddim::engine::diffusion
