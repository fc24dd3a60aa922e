#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eval/feature_rows.h"
#include "eval/interval.h"

namespace ddim::engine::eval {

/// The unbiased estimate of the squared maximum mean discrepancy with the kernel
/// (x . y / D + 1)^3 (Binkowski et al., 2018). Can be negative. At least 2 rows each.
double squared_mmd(const FeatureRows& x, const FeatureRows& y);

/// The mean of squared_mmd() over `num_subsets` pairs of random subsets of `subset_size` rows
/// without repetition, as the kernel distance is published, and its 95 % interval. Where the
/// subsets are a part r of the smaller set, a subset's variance is that between subsets / (1 - r),
/// and that of the mean r + (1 - r) / num_subsets times as much. Error(user) unless 2 <=
/// subset_size < the rows of each set.
struct Subsets {
  std::int64_t subset_size = 1000;
  std::int64_t num_subsets = 100;
  std::uint64_t seed = 0;
};
Interval kernel_distance(const FeatureRows& x, const FeatureRows& y, const Subsets& subsets);

/// The part of `points` that lies in the manifold of `set`: not further from one of its rows than
/// that row's k-th nearest neighbour in the set (Kynkaanniemi et al., 2019, eq. 1). Precision is
/// the part of generated pictures in the real ones' manifold, recall the reverse. Error(user) for a
/// set of k rows or fewer.
Interval part_within(const FeatureRows& points, const FeatureRows& set, std::int64_t k,
                     int num_threads);

/// The k rows of `set` nearest to a point, the nearest first; equally near ones in their order.
/// Error(user) for a set of fewer than k rows.
std::vector<std::int64_t> nearest_rows(std::span<const float> point, const FeatureRows& set,
                                       std::int64_t k);

/// exp of the mean over pictures of KL(p(y|x) || p(y)) (Salimans et al., 2016), over all pictures
/// together. `probabilities` is [count,classes]. The interval is that of the infinitesimal
/// jackknife, as frechet_interval()'s: a picture's influence is score * (its KL - their mean).
Interval inception_score(const FeatureRows& probabilities);

}  // namespace ddim::engine::eval
