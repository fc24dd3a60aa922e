#include "eval/set_distances.h"

#include <Eigen/Dense>
#include <algorithm>
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

/// Sum of the kernel over pairs of different rows, over their number.
double mean_of_pairs(const RowMatrix& x) {
  const Eigen::ArrayXXd k = kernel(x, x);
  const auto n = static_cast<double>(x.rows());
  return (k.sum() - k.matrix().trace()) / (n * (n - 1.0));
}

double squared_mmd_of(const RowMatrix& x, const RowMatrix& y) {
  return mean_of_pairs(x) + mean_of_pairs(y) - 2.0 * kernel(x, y).mean();
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

/// The squared distance of each row from its k-th nearest neighbour.
Eigen::ArrayXd squared_radii(const RowMatrix& set, std::int64_t k, int num_threads) {
  Eigen::ArrayXd radii(set.rows());
  const std::int64_t num_blocks = (set.rows() + kRowBlock - 1) / kRowBlock;
  run_workers(num_threads, num_blocks, [&](int, std::int64_t block) {
    const std::int64_t first = block * kRowBlock;
    const std::int64_t count = std::min<std::int64_t>(kRowBlock, set.rows() - first);
    const Eigen::ArrayXXd distances = squared_distances(set.middleRows(first, count), set);
    std::vector<double> row(static_cast<std::size_t>(set.rows()));
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t j = 0; j < set.rows(); ++j)
        row[static_cast<std::size_t>(j)] =
            j == first + i ? std::numeric_limits<double>::infinity() : distances(i, j);
      std::nth_element(row.begin(), row.begin() + (k - 1), row.end());
      radii(first + i) = row[static_cast<std::size_t>(k - 1)];
    }
  });
  return radii;
}

}  // namespace

double squared_mmd(const FeatureRows& x, const FeatureRows& y) {
  return squared_mmd_of(all_of(x), all_of(y));
}

Interval kernel_distance(const FeatureRows& x, const FeatureRows& y, const Subsets& subsets) {
  const std::int64_t smaller = std::min(x.count(), y.count());
  require(subsets.subset_size >= 2 && subsets.subset_size < smaller, "kernel distance: subsets of ",
          subsets.subset_size, " pictures need sets of more; the smaller set has ", smaller);
  std::vector<double> values;
  for (std::int64_t i = 0; i < subsets.num_subsets; ++i) {
    const NoiseKey key{.seed = subsets.seed,
                       .purpose = Purpose::resampling,
                       .step = static_cast<std::uint32_t>(i)};
    values.push_back(squared_mmd_of(random_subset(x, subsets.subset_size, key, 0),
                                    random_subset(y, subsets.subset_size, key, 1)));
  }
  const auto n = static_cast<double>(subsets.num_subsets);
  const double part = static_cast<double>(subsets.subset_size) / static_cast<double>(smaller);
  Interval result = mean_interval(values);  // as if subsets shared no picture
  result.half_width_95 *= std::sqrt((part * n + 1.0 - part) / (1.0 - part));
  return result;
}

Interval part_within(const FeatureRows& points, const FeatureRows& set, std::int64_t k,
                     int num_threads) {
  require(set.count() > k, "precision and recall: ", k, " neighbours need more than ", k,
          " pictures; got ", set.count());
  const RowMatrix manifold = all_of(set);
  const Eigen::ArrayXd radii = squared_radii(manifold, k, num_threads);
  std::vector<double> is_within(static_cast<std::size_t>(points.count()));
  run_workers(num_threads, (points.count() + kRowBlock - 1) / kRowBlock,
              [&](int, std::int64_t block) {
                const std::int64_t first = block * kRowBlock;
                const std::int64_t count = std::min(kRowBlock, points.count() - first);
                const Eigen::ArrayXXd distances =
                    squared_distances(rows_of(points, first, count), manifold);
                for (std::int64_t i = 0; i < count; ++i)
                  is_within[static_cast<std::size_t>(first + i)] =
                      (distances.row(i).transpose() <= radii).any() ? 1.0 : 0.0;
              });
  Interval result = mean_interval(is_within);
  // Exact, so that all of them are 1 and not a little less.
  result.mean =
      static_cast<double>(std::ranges::count(is_within, 1.0)) / static_cast<double>(points.count());
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
