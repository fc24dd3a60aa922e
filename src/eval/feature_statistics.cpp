#include "eval/feature_statistics.h"

#include <Eigen/Core>

#include "base/error.h"

namespace ddim::engine::eval {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr std::int64_t kMomentBlock = 256;  // pictures that are summed together

}  // namespace

struct FeatureMoments::Sums {
  std::int64_t count = 0;  // in mean and scatter
  Vector mean;
  Matrix scatter;  // sum of (x - mean) (x - mean)^T, lower half
  Matrix block;    // [D,kMomentBlock]: pictures not yet in mean and scatter
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
  sums_->block = Matrix(dimensions, kMomentBlock);
}
FeatureMoments::FeatureMoments(FeatureMoments&&) noexcept = default;
FeatureMoments& FeatureMoments::operator=(FeatureMoments&&) noexcept = default;
FeatureMoments::~FeatureMoments() = default;

void FeatureMoments::add(std::span<const float> features) {
  ensure(std::ssize(features) == sums_->mean.size(), "features: ", features.size(),
         " dimensions, not ", sums_->mean.size());
  for (std::size_t i = 0; i < features.size(); ++i)
    sums_->block(static_cast<Eigen::Index>(i), sums_->pending) = features[i];
  if (++sums_->pending == kMomentBlock) sums_->merge_block();
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

double shrink(FeatureStatistics& statistics) {
  require(statistics.count >= 2, "shrink: the statistics do not say of how many pictures they are");
  const std::int64_t D = statistics.dimensions();
  const Eigen::Map<Matrix> S(statistics.covariance.data(), D, D);
  const double d = static_cast<double>(D), n = static_cast<double>(statistics.count - 1);
  const double trace = S.trace(), of_square = S.squaredNorm();
  const double spread = (n + 1.0 - 2.0 / d) * (of_square - trace * trace / d);
  const double wanted = (1.0 - 2.0 / d) * of_square + trace * trace;
  const double weight = spread > wanted ? wanted / spread : 1.0;
  for (double& value : statistics.covariance) value *= 1.0 - weight;
  for (std::int64_t i = 0; i < D; ++i)
    statistics.covariance[static_cast<std::size_t>(i * D + i)] += weight * trace / d;
  return weight;
}

}  // namespace ddim::engine::eval
