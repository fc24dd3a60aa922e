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

/// For fewer pictures than dimensions: moves the covariance S towards a multiple of the unit
/// matrix,
///   (1 - r) S + r (tr S / D) I,
/// with the weight of the oracle approximating shrinkage (Chen, Wiesel, Eldar and Hero, 2010,
/// eq. 23), for n = count - 1:
///   r = min(1, ((1 - 2/D) tr S^2 + (tr S)^2) / ((n + 1 - 2/D) (tr S^2 - (tr S)^2 / D)))
/// Returns r. Error(user) for statistics without a count.
double shrink(FeatureStatistics& statistics);

}  // namespace ddim::engine::eval
