#pragma once

#include "eval/feature_rows.h"
#include "eval/feature_statistics.h"
#include "eval/interval.h"

namespace ddim::engine::eval {

/// The Frechet distance (squared 2-Wasserstein distance) of two Gaussians,
///   |mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2),
/// where the last trace is the sum of the square roots of the eigenvalues of the symmetric matrix
/// F^T S_b F, S_a being F F^T. Covariances may be singular. Error(user) for different dimensions,
/// Error(numeric) for NaN and infinity.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

/// A set on one side of a distance.
struct FrechetSide {
  FeatureStatistics statistics = {};
  FeatureRows rows = {};   ///< that the statistics are of; none: they count as exact
  double shrinkage = 0.0;  ///< that shrink() gave the statistics
};

/// The distance, and its 95 % interval by the infinitesimal jackknife (Jaeckel, 1972), which is
/// what a bootstrap with ever more samples tends to (Efron, 1982, chapter 6), without its bias
/// upwards: the variance is that of the pictures' influence on the distance over their number,
///   influence of x in a = 2 (mu_a - mu_b)^T y + y^T (I - T) y - its mean,   y = x - mu_a,
/// T = S_b^(1/2) (S_b^(1/2) S_a S_b^(1/2))^(-1/2) S_b^(1/2) being the map that carries one Gaussian
/// to the other (Rippl, Munk and Sturm, 2016). At most 10,000 pictures of each set are looked at.
Interval frechet_interval(const FrechetSide& a, const FrechetSide& b);

}  // namespace ddim::engine::eval
