#include "eval/set_distances.h"

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/philox.h"
#include "base/workers.h"

namespace ddim::engine::eval {
namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::int64_t kRowBlock = 256;

RowMatrix rows_of(const FeatureRows& rows, std::int64_t first, std::int64_t count) {
  return Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
             rows[first].data(), count, rows.dimensions)
      .cast<double>();
}

RowMatrix all_of(const FeatureRows& rows) { return rows_of(rows, 0, rows.count()); }

Eigen::ArrayXXd kernel(const RowMatrix& x, const RowMatrix& y) {
  return ((x * y.transpose()).array() / static_cast<double>(x.cols()) + 1.0).cube();
}

/// The squared MMD, and how much its influences vary over the rows of each side.
struct Mmd {
  double squared = 0.0;
  double variance_of_x = 0.0, variance_of_y = 0.0;
};

double variance_of(const Eigen::ArrayXd& values) {
  return (values - values.mean()).square().sum() / static_cast<double>(values.size() - 1);
}

Mmd mmd_of(const RowMatrix& x, const RowMatrix& y) {
  // The mean kernel of a row with the others of its set.
  const auto with_others = [](const RowMatrix& rows) -> Eigen::ArrayXd {
    const Eigen::ArrayXXd k = kernel(rows, rows);
    return (k.rowwise().sum() - k.matrix().diagonal().array()) /
           static_cast<double>(rows.rows() - 1);
  };
  const Eigen::ArrayXd of_x = with_others(x), of_y = with_others(y);
  const Eigen::ArrayXXd between = kernel(x, y);
  return {.squared = of_x.mean() + of_y.mean() - 2.0 * between.mean(),
          .variance_of_x = variance_of(of_x - between.rowwise().mean()),
          .variance_of_y = variance_of(of_y - between.colwise().mean().transpose())};
}

/// A random number below `bound`: element `index` of the stream.
std::int64_t random_below(std::int64_t bound, const NoiseKey& key, std::uint32_t image,
                          std::int64_t index) {
  const std::uint32_t bits = random_block(
      key, image, static_cast<std::uint32_t>(index / 4))[static_cast<std::size_t>(index % 4)];
  return static_cast<std::int64_t>(
      (static_cast<std::uint64_t>(bits) * static_cast<std::uint64_t>(bound)) >> 32);
}

/// `size` rows of `rows` without repetition, by the first steps of a Fisher-Yates shuffle.
RowMatrix random_subset(const FeatureRows& rows, std::int64_t size, const NoiseKey& key,
                        std::uint32_t set) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows.count()));
  std::iota(order.begin(), order.end(), 0);
  RowMatrix subset(size, rows.dimensions);
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t other = i + random_below(rows.count() - i, key, set, i);
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
    subset.row(i) = rows_of(rows, order[static_cast<std::size_t>(i)], 1);
  }
  return subset;
}

/// Squared distances of the rows of x from those of y.
Eigen::ArrayXXd squared_distances(const RowMatrix& x, const RowMatrix& y) {
  Eigen::ArrayXXd distances = (-2.0 * x * y.transpose()).array();
  distances.colwise() += x.rowwise().squaredNorm().array();
  distances.rowwise() += y.rowwise().squaredNorm().transpose().array();
  return distances;
}

constexpr std::int64_t kMostBlocks = 32;

/// Blocks of rows for a jackknife, row j in block j mod their number, so that a set which is sorted
/// loses no class with one; 0 where what is left would not be more than k rows.
std::int64_t num_blocks_of(std::int64_t num_rows, std::int64_t k) {
  const std::int64_t blocks = std::min(kMostBlocks, num_rows);
  return num_rows - (num_rows + blocks - 1) / blocks > k ? blocks : 0;
}

/// The squared distance of a row from its k-th nearest neighbour, and what it is without some
/// blocks of rows (without others it is the same).
struct Ball {
  struct Without {
    std::int64_t block;
    double squared_radius;
  };
  double squared_radius = 0.0;
  double largest = 0.0;  ///< of all these
  std::vector<Without> without = {};
};

double kth_smallest(std::vector<double>& values, std::int64_t k) {
  std::nth_element(values.begin(), values.begin() + (k - 1), values.end());
  return values[static_cast<std::size_t>(k - 1)];
}

/// Of the row `own` with so many distances from all rows.
Ball ball_of(const std::vector<double>& distances, std::int64_t own, std::int64_t k,
             std::int64_t num_blocks, std::vector<double>& others) {
  const std::int64_t n = std::ssize(distances);
  const auto radius_without = [&](std::int64_t block) {
    others.clear();
    for (std::int64_t j = 0; j < n; ++j)
      if (j != own && (block < 0 || j % num_blocks != block))
        others.push_back(distances[static_cast<std::size_t>(j)]);
    return kth_smallest(others, k);
  };
  Ball ball{.squared_radius = radius_without(-1)};
  ball.largest = ball.squared_radius;
  if (num_blocks == 0) return ball;
  std::uint64_t seen = std::uint64_t{1} << (own % num_blocks);  // without it there is no ball
  for (std::int64_t j = 0; j < n; ++j) {
    if (j == own || distances[static_cast<std::size_t>(j)] > ball.squared_radius) continue;
    const std::int64_t block = j % num_blocks;
    if ((seen >> block & 1U) != 0) continue;
    seen |= std::uint64_t{1} << block;
    ball.without.push_back({block, radius_without(block)});
    ball.largest = std::max(ball.largest, ball.without.back().squared_radius);
  }
  return ball;
}

void run_row_blocks(int num_threads, std::int64_t num_rows, const Tick& tick,
                    const std::function<void(std::int64_t first, std::int64_t count)>& work) {
  run_workers(num_threads, (num_rows + kRowBlock - 1) / kRowBlock, [&](std::int64_t block) {
    work(block * kRowBlock, std::min(kRowBlock, num_rows - block * kRowBlock));
    if (tick) tick();
  });
}

std::vector<Ball> balls_of(const RowMatrix& set, std::int64_t k, std::int64_t num_blocks,
                           int num_threads, const Tick& tick) {
  std::vector<Ball> balls(static_cast<std::size_t>(set.rows()));
  run_row_blocks(num_threads, set.rows(), tick, [&](std::int64_t first, std::int64_t count) {
    const Eigen::ArrayXXd distances = squared_distances(set.middleRows(first, count), set);
    std::vector<double> row(static_cast<std::size_t>(set.rows())), others;
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t j = 0; j < set.rows(); ++j)
        row[static_cast<std::size_t>(j)] = distances(i, j);
      balls[static_cast<std::size_t>(first + i)] = ball_of(row, first + i, k, num_blocks, others);
    }
  });
  return balls;
}

/// Whether a point is in the balls of a set, and in which of the sets without a block.
struct Within {
  bool in_all = false;
  std::uint64_t without_block = 0;  ///< bit b: in those of the set without block b
};

/// Half of Wilson's 95 % interval of a share, from the share to its further end.
double half_width_of_share(double share, double n) {
  constexpr double z = 1.959963984540054;
  const double middle = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
  const double half =
      z / (1.0 + z * z / n) * std::sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n));
  return half + std::abs(middle - share);
}

}  // namespace

double squared_mmd(const FeatureRows& x, const FeatureRows& y) {
  return mmd_of(all_of(x), all_of(y)).squared;
}

Interval kernel_distance(const FeatureRows& x, const FeatureRows& y, const Subsets& subsets,
                         const Tick& tick) {
  const std::int64_t smaller = std::min(x.count(), y.count());
  require(subsets.subset_size >= 2 && subsets.subset_size < smaller, "kernel distance: subsets of ",
          subsets.subset_size, " pictures need sets of more; the smaller set has ", smaller);
  std::vector<double> values;
  double of_x = 0.0, of_y = 0.0;
  for (std::int64_t i = 0; i < subsets.num_subsets; ++i) {
    const NoiseKey key{.seed = subsets.seed,
                       .purpose = Purpose::resampling,
                       .step = static_cast<std::uint32_t>(i)};
    const Mmd found = mmd_of(random_subset(x, subsets.subset_size, key, 0),
                             random_subset(y, subsets.subset_size, key, 1));
    values.push_back(found.squared);
    of_x += found.variance_of_x;
    of_y += found.variance_of_y;
    if (tick) tick();
  }
  const auto part_of = [&](const FeatureRows& set) {
    return static_cast<double>(subsets.subset_size) / static_cast<double>(set.count());
  };
  const double w = of_x + of_y > 0.0 ? of_x / (of_x + of_y) : 0.5;
  const double shared = w * part_of(x) + (1.0 - w) * part_of(y);
  Interval result = mean_interval(values);  // as if subsets shared no picture
  result.half_width_95 *=
      std::sqrt(1.0 + static_cast<double>(subsets.num_subsets) * shared / (1.0 - shared));
  return result;
}

std::int64_t num_ticks_of_part(std::int64_t num_points, std::int64_t num_rows) {
  return (num_points + kRowBlock - 1) / kRowBlock + (num_rows + kRowBlock - 1) / kRowBlock;
}

Interval part_within(const FeatureRows& points, const FeatureRows& set, std::int64_t k,
                     int num_threads, const Tick& tick) {
  require(set.count() > k, "precision and recall: ", k, " neighbours need more than ", k,
          " pictures; got ", set.count());
  const RowMatrix manifold = all_of(set);
  const std::int64_t num_blocks = num_blocks_of(set.count(), k);
  const std::vector<Ball> balls = balls_of(manifold, k, num_blocks, num_threads, tick);
  const std::uint64_t all_blocks = (std::uint64_t{1} << num_blocks) - 1;
  std::vector<Within> within(static_cast<std::size_t>(points.count()));
  run_row_blocks(num_threads, points.count(), tick, [&](std::int64_t first, std::int64_t count) {
    const RowMatrix some = rows_of(points, first, count);
    // A column for each point, so that those of one lie together.
    const Eigen::ArrayXXd distances = squared_distances(manifold, some);
    for (std::int64_t i = 0; i < count; ++i) {
      Within& point = within[static_cast<std::size_t>(first + i)];
      for (std::int64_t j = 0; j < manifold.rows(); ++j) {
        const Ball& ball = balls[static_cast<std::size_t>(j)];
        const double distance = distances(j, i);
        if (distance > ball.largest) continue;
        if (distance <= ball.squared_radius) {
          point.in_all = true;
          point.without_block |=
              num_blocks == 0 ? 0 : all_blocks & ~(std::uint64_t{1} << (j % num_blocks));
        }
        for (const Ball::Without& without : ball.without)
          if (distance <= without.squared_radius)
            point.without_block |= std::uint64_t{1} << without.block;
      }
    }
  });
  Interval result{.mean = static_cast<double>(std::ranges::count_if(within, &Within::in_all)) /
                          static_cast<double>(points.count())};
  // With e_ib = what point i is without block b, less the mean of that over b, the jackknife's sum
  // over b of (sum over i of e_ib)^2, without the squares of e_ib: what the set does to each point
  // by itself is in the points' part already.
  const auto n = static_cast<double>(points.count()), blocks = static_cast<double>(num_blocks);
  std::vector<double> counts(static_cast<std::size_t>(num_blocks));
  double squares = 0.0;
  for (const Within& point : within) {
    for (std::size_t block = 0; block < counts.size(); ++block)
      counts[block] += static_cast<double>(point.without_block >> block & 1U);
    const double times = std::popcount(point.without_block);
    if (num_blocks > 0) squares += times - times * times / blocks;
  }
  const double mean = std::accumulate(counts.begin(), counts.end(), 0.0) / std::max(blocks, 1.0);
  double sum = -squares;
  for (const double count : counts) sum += (count - mean) * (count - mean);
  const double variance_of_set = std::max(0.0, sum) * (blocks - 1.0) / blocks / (n * n);
  const double of_set =
      num_blocks == 0 ? 0.0 : student_t_975(num_blocks - 1) * std::sqrt(variance_of_set);
  result.half_width_95 = std::hypot(half_width_of_share(result.mean, n), of_set);
  return result;
}

std::vector<std::int64_t> nearest_rows(std::span<const float> point, const FeatureRows& set,
                                       std::int64_t k) {
  require(set.count() >= k, "neighbours: ", k, " need a set of at least ", k, " pictures; got ",
          set.count());
  std::vector<std::pair<double, std::int64_t>> rows;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    double squared_distance = 0.0;
    for (std::size_t d = 0; d < point.size(); ++d) {
      const double difference = static_cast<double>(point[d]) - static_cast<double>(set[i][d]);
      squared_distance += difference * difference;
    }
    rows.emplace_back(squared_distance, i);
  }
  std::ranges::partial_sort(rows, rows.begin() + k);
  std::vector<std::int64_t> nearest;
  for (std::int64_t i = 0; i < k; ++i) nearest.push_back(rows[static_cast<std::size_t>(i)].second);
  return nearest;
}

Interval inception_score(const FeatureRows& probabilities) {
  const std::int64_t count = probabilities.count();
  std::vector<double> marginal(static_cast<std::size_t>(probabilities.dimensions), 0.0);
  for (std::int64_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < marginal.size(); ++c)
      marginal[c] += probabilities[i][c] / static_cast<double>(count);
  std::vector<double> divergences;
  for (std::int64_t i = 0; i < count; ++i) {
    double divergence = 0.0;
    for (std::size_t c = 0; c < marginal.size(); ++c) {
      const double p = probabilities[i][c];
      if (p > 0.0) divergence += p * std::log(p / marginal[c]);
    }
    divergences.push_back(divergence);
  }
  Interval result = mean_interval(divergences);
  result.mean = std::exp(result.mean);
  result.half_width_95 *= result.mean;
  return result;
}

}  // namespace ddim::engine::eval
