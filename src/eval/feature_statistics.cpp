#include "eval/feature_statistics.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "base/error.h"

namespace ddim::engine::eval {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr std::int64_t kBlock = 256;  // pictures that are summed together

Eigen::Map<const Matrix> covariance_of(const FeatureStatistics& of) {
  return {of.covariance.data(), of.dimensions(), of.dimensions()};
}

Eigen::Map<const Vector> mean_of(const FeatureStatistics& of) {
  return {of.mean.data(), of.dimensions()};
}

/// A factor [D,rank] of the covariance S = F F^T. Directions in which S is zero but for rounding
/// are left out: the square root would turn a rounding error of 1e-16 into one of 1e-8.
Matrix factor_of(const FeatureStatistics& of) {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance_of(of));
  const Vector& values = solver.eigenvalues();  // ascending
  const double smallest = values.tail(1)(0) * static_cast<double>(of.dimensions()) *
                          std::numeric_limits<double>::epsilon();
  const auto rank = static_cast<Eigen::Index>(
      std::count_if(values.begin(), values.end(), [&](double v) { return v > smallest; }));
  return solver.eigenvectors().rightCols(rank) * values.tail(rank).cwiseSqrt().asDiagonal();
}

}  // namespace

struct FeatureMoments::Sums {
  std::int64_t count = 0;  // in mean and scatter
  Vector mean;
  Matrix scatter;  // sum of (x - mean) (x - mean)^T, lower half
  Matrix block;    // [D,kBlock]: pictures not yet in mean and scatter
  std::int64_t pending = 0;

  void merge_block() {
    if (pending == 0) return;
    auto x = block.leftCols(pending);
    const Vector block_mean = x.rowwise().mean();
    x.colwise() -= block_mean;
    scatter.selfadjointView<Eigen::Lower>().rankUpdate(x);
    const Vector difference = block_mean - mean;
    const auto old = static_cast<double>(count), added = static_cast<double>(pending);
    const double total = old + added;
    scatter.selfadjointView<Eigen::Lower>().rankUpdate(difference, old * added / total);
    mean += difference * (added / total);
    count += pending;
    pending = 0;
  }
};

FeatureMoments::FeatureMoments(std::int64_t dimensions) : sums_(std::make_unique<Sums>()) {
  sums_->mean = Vector::Zero(dimensions);
  sums_->scatter = Matrix::Zero(dimensions, dimensions);
  sums_->block = Matrix(dimensions, kBlock);
}
FeatureMoments::FeatureMoments(FeatureMoments&&) noexcept = default;
FeatureMoments& FeatureMoments::operator=(FeatureMoments&&) noexcept = default;
FeatureMoments::~FeatureMoments() = default;

void FeatureMoments::add(std::span<const float> features) {
  ensure(std::ssize(features) == sums_->mean.size(), "features: ", features.size(),
         " dimensions, not ", sums_->mean.size());
  for (std::size_t i = 0; i < features.size(); ++i)
    sums_->block(static_cast<Eigen::Index>(i), sums_->pending) = features[i];
  if (++sums_->pending == kBlock) sums_->merge_block();
}

std::int64_t FeatureMoments::count() const { return sums_->count + sums_->pending; }

FeatureStatistics FeatureMoments::statistics() {
  require(count() >= 2, "statistics: a covariance needs at least 2 pictures; got ", count());
  sums_->merge_block();
  FeatureStatistics result{.count = sums_->count};
  result.mean.assign(sums_->mean.begin(), sums_->mean.end());
  const Matrix covariance = Matrix(sums_->scatter.selfadjointView<Eigen::Lower>()) /
                            static_cast<double>(sums_->count - 1);
  result.covariance.assign(covariance.data(), covariance.data() + covariance.size());
  return result;
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  require(a.dimensions() == b.dimensions(), "frechet distance: the first set has ", a.dimensions(),
          " dimensions, the second ", b.dimensions());
  if (a.dimensions() == 0) return 0.0;
  if (!covariance_of(a).allFinite() || !covariance_of(b).allFinite() || !mean_of(a).allFinite() ||
      !mean_of(b).allFinite())
    fail(ErrorCode::numeric, "frechet distance: the statistics hold NaN or infinity");
  // The smaller set has the lower rank, so that fewer eigenvalues are zero but for rounding.
  const auto& [fewer, more] = a.count <= b.count ? std::tie(a, b) : std::tie(b, a);
  const Matrix factor = factor_of(fewer);  // [D,rank]
  double trace_of_root = 0.0;
  if (factor.cols() > 0) {
    const Matrix product = factor.transpose() * covariance_of(more) * factor;  // [rank,rank]
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(product, Eigen::EigenvaluesOnly);
    trace_of_root = solver.eigenvalues().cwiseMax(0.0).cwiseSqrt().sum();
  }
  const double distance = (mean_of(a) - mean_of(b)).squaredNorm() + covariance_of(a).trace() +
                          covariance_of(b).trace() - 2.0 * trace_of_root;
  return std::max(0.0, distance);
}

}  // namespace ddim::engine::eval
