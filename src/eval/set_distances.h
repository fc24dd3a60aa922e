#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "eval/feature_rows.h"
#include "eval/interval.h"

namespace ddim::engine::eval {

/// The unbiased estimate of the squared maximum mean discrepancy with the kernel
/// (x . y / D + 1)^3 (Binkowski et al., 2018). Can be negative. At least 2 rows each.
double squared_mmd(const FeatureRows& x, const FeatureRows& y);

/// Called after each of many equal parts of a comparison, from any thread; may throw.
using Tick = std::function<void()>;

/// The mean of squared_mmd() over `num_subsets` pairs of random subsets of `subset_size` rows
/// without repetition, as the kernel distance is published, and its 95 % interval. Let the rows of
/// the two sides have the parts w and 1 - w in a subset's variance V (their influences on it say
/// so), and let a subset be the parts r_x and r_y of the sets. The variance between subsets is then
///   s^2 = V [w (1 - r_x) + (1 - w) (1 - r_y)],
/// and that of the mean V [w r_x + (1 - w) r_y] + s^2 / num_subsets. Error(user) unless 2 <=
/// subset_size < the rows of each set. A tick for each pair.
struct Subsets {
  std::int64_t subset_size = 1000;
  std::int64_t num_subsets = 100;
  std::uint64_t seed = 0;
};
Interval kernel_distance(const FeatureRows& x, const FeatureRows& y, const Subsets& subsets,
                         const Tick& tick = {});

/// The part of `points` that lies in the manifold of `set`: not further from one of its rows than
/// that row's k-th nearest neighbour in the set (Kynkaanniemi et al., 2019, eq. 1). Precision is
/// the part of generated pictures in the real ones' manifold, recall the reverse. The interval adds
/// two variances: that of the points (Wilson's interval of a share, which has a width at 0 and at 1
/// too), and what the choice of the set does to all points together, by leaving out each of 32
/// interleaved blocks of its rows (a jackknife; not of a set of hardly more than k rows).
/// Error(user) for a set of k rows or fewer. num_ticks_of_part() ticks.
Interval part_within(const FeatureRows& points, const FeatureRows& set, std::int64_t k,
                     int num_threads, const Tick& tick = {});
std::int64_t num_ticks_of_part(std::int64_t num_points, std::int64_t num_rows);

/// The k rows of `set` nearest to a point, the nearest first; equally near ones in their order.
/// Error(user) for a set of fewer than k rows.
std::vector<std::int64_t> nearest_rows(std::span<const float> point, const FeatureRows& set,
                                       std::int64_t k);

/// exp of the mean over pictures of KL(p(y|x) || p(y)) (Salimans et al., 2016), over all pictures
/// together. `probabilities` is [count,classes]. The interval is that of the infinitesimal
/// jackknife, as frechet_interval()'s: a picture's influence is score * (its KL - their mean).
Interval inception_score(const FeatureRows& probabilities);

}  // namespace ddim::engine::eval
