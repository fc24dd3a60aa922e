#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ddim::engine::eval {

/// How the features of some pictures are spread: the mean [D], and the covariance [D,D] with the
/// divisor count - 1, as numpy.cov has it.
struct FeatureStatistics {
  std::int64_t count = 0;
  std::vector<double> mean = {};
  std::vector<double> covariance = {};

  std::int64_t dimensions() const { return static_cast<std::int64_t>(mean.size()); }
};

/// Statistics of features that arrive one picture after another, in memory that does not grow with
/// their number. Sums are in double, around the mean of each block of pictures (Chan, Golub and
/// LeVeque, 1983), in an order that depends on the order of the pictures only.
class FeatureMoments {
 public:
  explicit FeatureMoments(std::int64_t dimensions);
  FeatureMoments(FeatureMoments&&) noexcept;
  FeatureMoments& operator=(FeatureMoments&&) noexcept;
  ~FeatureMoments();

  /// The features [D] of one more picture.
  void add(std::span<const float> features);
  std::int64_t count() const;
  /// Of all pictures so far. Error(user) for fewer than 2.
  FeatureStatistics statistics();

 private:
  struct Sums;
  std::unique_ptr<Sums> sums_;
};

/// The Frechet distance (squared 2-Wasserstein distance) of two Gaussians,
///   |mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2),
/// where the last trace is the sum of the square roots of the eigenvalues of the symmetric matrix
/// S_a^(1/2) S_b S_a^(1/2). Covariances may be singular. Error(user) for different dimensions,
/// Error(numeric) for NaN and infinity.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

}  // namespace ddim::engine::eval
