#include "diffusion/anderson.h"

#include <cmath>
#include <numeric>

namespace ddim::engine::diffusion {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// y += factor * x
void add(double factor, std::span<const double> x, std::span<double> y) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += factor * x[i];
}

std::vector<double> difference(std::span<const double> a, std::span<const double> b) {
  std::vector<double> result(a.begin(), a.end());
  add(-1.0, b, result);
  return result;
}

}  // namespace

void Anderson::advance(std::span<const double> residual, std::span<double> x) {
  if (!last_x_.empty()) {
    changes_.push_front({difference(x, last_x_), difference(residual, last_residual_)});
    if (changes_.size() > depth_) changes_.pop_back();
  }
  last_x_.assign(x.begin(), x.end());
  last_residual_.assign(residual.begin(), residual.end());

  // Takes from (residual, x) what the changes explain: the residual's projection on them, by
  // Gram-Schmidt, with the same combination of the changes of x.
  std::vector<double> rest = last_residual_;
  std::vector<Change> basis;
  for (const Change& change : changes_) {
    Change direction = change;
    const double norm = std::sqrt(dot(change.residual, change.residual));
    for (const Change& earlier : basis) {
      const double share = dot(earlier.residual, direction.residual);
      add(-share, earlier.residual, direction.residual);
      add(-share, earlier.x, direction.x);
    }
    const double rest_norm = std::sqrt(dot(direction.residual, direction.residual));
    constexpr double kDependent = 1e-6;  // nothing but rounding is left of it
    if (!(rest_norm > kDependent * norm)) continue;
    for (double& value : direction.residual) value /= rest_norm;
    for (double& value : direction.x) value /= rest_norm;
    const double share = dot(direction.residual, rest);
    add(-share, direction.residual, rest);
    add(-share, direction.x, x);
    basis.push_back(std::move(direction));
  }
  add(1.0, rest, x);
}

}  // namespace ddim::engine::diffusion
