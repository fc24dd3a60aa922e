#include "eval/frechet_distance.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "base/error.h"

namespace ddim::engine::eval {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr std::int64_t kMostPictures = 10'000;

Eigen::Map<const Matrix> covariance_of(const FeatureStatistics& of) {
  return {of.covariance.data(), of.dimensions(), of.dimensions()};
}

Eigen::Map<const Vector> mean_of(const FeatureStatistics& of) {
  return {of.mean.data(), of.dimensions()};
}

/// Values up to this one are zero but for rounding: the square root would turn a rounding error of
/// 1e-16 into one of 1e-8. `values` ascend.
double rounding_of(const Vector& values) {
  return values.tail(1)(0) * static_cast<double>(values.size()) *
         std::numeric_limits<double>::epsilon();
}

/// A factor [D,rank] of the covariance S = F F^T, and its transposed inverse (where S is singular,
/// of the part that is not).
struct Factor {
  Matrix factor, inverse;
};

/// `inverse` is made where it is wanted.
enum class Inverse { no, yes };
Factor factor_of(const FeatureStatistics& of, Inverse inverse) {
  const Eigen::LLT<Matrix> cholesky(covariance_of(of));
  Vector pivots = cholesky.matrixLLT().diagonal().cwiseAbs2();
  std::sort(pivots.begin(), pivots.end());
  if (cholesky.info() == Eigen::Success && pivots(0) > rounding_of(pivots)) {
    Factor result{.factor = cholesky.matrixL(), .inverse = {}};
    if (inverse == Inverse::yes) {
      result.inverse = Matrix::Identity(of.dimensions(), of.dimensions());
      cholesky.matrixU().solveInPlace(result.inverse);
    }
    return result;
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance_of(of));
  const Vector& values = solver.eigenvalues();
  const auto rank = static_cast<Eigen::Index>(std::count_if(
      values.begin(), values.end(), [&](double v) { return v > rounding_of(values); }));
  const auto vectors = solver.eigenvectors().rightCols(rank);
  const Vector roots = values.tail(rank).cwiseSqrt();
  return {.factor = vectors * roots.asDiagonal(),
          .inverse = vectors * roots.cwiseInverse().asDiagonal()};
}

/// I - T for each side, T being frechet_interval()'s map from it to the other side. With
/// S_b = F F^T and F^T S_a F = Q M Q^T,
///   from a to b: F Q M^(-1/2) (F Q)^T,   from b to a, the inverse: F^-T Q M^(1/2) (F^-T Q)^T.
struct Responses {
  Matrix of_a, of_b;
};
Responses responses_of(const FeatureStatistics& a, const FeatureStatistics& b) {
  const Factor of_b = factor_of(b, Inverse::yes);
  const Matrix unit = Matrix::Identity(a.dimensions(), a.dimensions());
  if (of_b.factor.cols() == 0) return {.of_a = unit, .of_b = unit};
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(of_b.factor.transpose() * covariance_of(a) *
                                                     of_b.factor);
  const Vector& values = solver.eigenvalues();
  const double smallest = rounding_of(values);
  const auto one_minus_square = [&](const Matrix& factor, double power) -> Matrix {
    const Vector powers = values.unaryExpr(
        [&](double value) { return value > smallest ? std::pow(value, power) : 0.0; });
    const Matrix half = factor * solver.eigenvectors() * powers.asDiagonal();
    return unit - half * half.transpose();
  };
  return {.of_a = one_minus_square(of_b.factor, -0.25),
          .of_b = one_minus_square(of_b.inverse, 0.25)};
}

/// Of the distance, as far as it comes from the choice of the pictures of `a`.
double variance_of(const FrechetSide& a, const FeatureStatistics& b, Matrix response) {
  if (a.rows.count() < 2) return 0.0;
  const double d = static_cast<double>(a.statistics.dimensions());
  const double mean_response = response.trace() / d;
  response *= 1.0 - a.shrinkage;
  response.diagonal().array() += a.shrinkage * mean_response;
  const Vector slope = 2.0 * (mean_of(a.statistics) - mean_of(b));
  // Evenly spaced ones, where there are more than needed.
  const std::int64_t count = std::min(a.rows.count(), kMostPictures);
  Matrix y(a.statistics.dimensions(), count);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::span<const float> row = a.rows[i * a.rows.count() / count];
    y.col(i) = Eigen::Map<const Eigen::VectorXf>(row.data(), std::ssize(row)).cast<double>();
  }
  y.colwise() -= mean_of(a.statistics);
  const Vector influence = (slope.transpose() * y).transpose() +
                           (response * y).cwiseProduct(y).colwise().sum().transpose();
  const double spread = (influence.array() - influence.mean()).square().sum();
  return spread / static_cast<double>(count - 1) / static_cast<double>(a.rows.count());
}

}  // namespace

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  require(a.dimensions() == b.dimensions(), "frechet distance: the first set has ", a.dimensions(),
          " dimensions, the second ", b.dimensions());
  if (a.dimensions() == 0) return 0.0;
  if (!covariance_of(a).allFinite() || !covariance_of(b).allFinite() || !mean_of(a).allFinite() ||
      !mean_of(b).allFinite())
    fail(ErrorCode::numeric, "frechet distance: the statistics hold NaN or infinity");
  // The smaller set has the lower rank, so that fewer eigenvalues are zero but for rounding.
  const auto& [fewer, more] = a.count <= b.count ? std::tie(a, b) : std::tie(b, a);
  const Matrix factor = factor_of(fewer, Inverse::no).factor;  // [D,rank]
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

Interval frechet_interval(const FrechetSide& a, const FrechetSide& b) {
  const double distance = frechet_distance(a.statistics, b.statistics);
  if (a.rows.count() < 2 && b.rows.count() < 2) return {.mean = distance};
  const Responses responses = responses_of(a.statistics, b.statistics);
  const double variance =
      variance_of(a, b.statistics, responses.of_a) + variance_of(b, a.statistics, responses.of_b);
  return {.mean = distance, .half_width_95 = 1.96 * std::sqrt(variance)};
}

}  // namespace ddim::engine::eval
