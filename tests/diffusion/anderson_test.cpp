#include "diffusion/anderson.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ddim::engine::diffusion {
namespace {

// x <- x + r(x) with r(x) = b - A x runs away, since A has the eigenvalues 3 and 0.1 and more.
TEST(Anderson, SolvesALinearSystemThatTheIterationRunsAwayFrom) {
  const std::vector<double> diagonal = {3.0, 0.1, 2.5, 1.0, 0.5};
  const auto residual = [&](const std::vector<double>& x) {
    std::vector<double> r(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      r[i] = 1.0 - diagonal[i] * x[i] + 0.05 * x[(i + 1) % x.size()];
    return r;
  };
  std::vector<double> x(5, 0.0);
  Anderson solver(5);
  for (int i = 0; i < 7; ++i) solver.advance(residual(x), x);
  for (const double r : residual(x)) EXPECT_NEAR(r, 0.0, 1e-9);

  std::vector<double> plain(5, 0.0);
  for (int i = 0; i < 7; ++i) {
    const std::vector<double> r = residual(plain);
    for (std::size_t j = 0; j < plain.size(); ++j) plain[j] += r[j];
  }
  EXPECT_GT(std::abs(residual(plain)[0]), 10.0);
}

TEST(Anderson, TheFirstStepIsThePlainOne) {
  std::vector<double> x = {1.0, 2.0};
  Anderson(3).advance(std::vector<double>{0.5, -1.0}, x);
  EXPECT_EQ(x, (std::vector<double>{1.5, 1.0}));
}

TEST(Anderson, StaysWhereItHasArrived) {
  std::vector<double> x = {1.0, 2.0};
  Anderson solver(3);
  for (int i = 0; i < 4; ++i) solver.advance(std::vector<double>{0.0, 0.0}, x);
  EXPECT_EQ(x, (std::vector<double>{1.0, 2.0}));
}

}  // namespace
}  // namespace ddim::engine::diffusion
