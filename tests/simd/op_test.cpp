#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <utility>
#include <vector>

#include "backend/cpu/cpu_backend.h"
#include "backend/ref/ref_backend.h"
#include "tests/simd/lab.h"

namespace ddim {

void PrintTo(const OpCase& op, std::ostream* out) { *out << op.name; }

namespace {

/// One pixel, one channel, channels that are no multiple of a vector, groups of one channel, a
/// group wider than the kernels' blocks of channels, odd widths, several blocks of elements.
std::vector<OpShape> shapes() {
  return {{{2, 1, 1, 1}, 1},   {{2, 1, 1, 3}, 3},   {{3, 5, 7, 3}, 1},
          {{2, 3, 5, 48}, 16}, {{3, 4, 4, 33}, 11}, {{2, 12, 12, 64}, 32},
          {{3, 9, 7, 130}, 2}, {{2, 4, 4, 300}, 1}, {{2, 3, 3, 272}, 16}};
}

using Results = std::vector<Lab::Result>;

Results run(const OpCase& op, const OpShape& shape, Device device, DType dtype,
            const Lab::Images& images) {
  Lab lab(std::move(device), dtype, images);
  op.run(lab, shape);
  return lab.results();
}

Results run_on_cpu(const OpCase& op, const OpShape& shape, int num_threads,
                   const Lab::Images& images = {}) {
  return run(op, shape, Device(make_cpu_backend(num_threads)), DType::f32, images);
}

class SimdOp : public testing::TestWithParam<OpCase> {};

TEST_P(SimdOp, MatchesTheReferenceInDouble) {
  const OpCase& op = GetParam();
  for (const OpShape& shape : shapes()) {
    const Results expected = run(op, shape, Device(make_ref_backend()), DType::f64, {});
    const Results found = run_on_cpu(op, shape, 1);
    ASSERT_FALSE(found.empty());
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t r = 0; r < found.size(); ++r) {
      ASSERT_EQ(found[r].values.size(), expected[r].values.size());
      for (std::size_t i = 0; i < found[r].values.size(); ++i) {
        const double value = expected[r].values[i];
        ASSERT_NEAR(found[r].values[i], value, op.tolerance * (1.0 + std::abs(value)))
            << "shape " << shape.x << ", result " << r << ", element " << i;
      }
    }
  }
}

TEST_P(SimdOp, NumberOfThreadsChangesNoBit) {
  for (const OpShape& shape : shapes()) {
    const Results one = run_on_cpu(GetParam(), shape, 1);
    for (const int num_threads : {2, 4}) {
      const Results several = run_on_cpu(GetParam(), shape, num_threads);
      for (std::size_t r = 0; r < one.size(); ++r) {
        EXPECT_EQ(several[r].values, one[r].values)
            << num_threads << " threads, shape " << shape.x << ", result " << r;
      }
    }
  }
}

TEST_P(SimdOp, OtherImagesChangeNoBit) {
  for (const OpShape& shape : shapes()) {
    const Results all = run_on_cpu(GetParam(), shape, 2);
    const std::int64_t last = shape.x[0] - 1;
    const Results alone = run_on_cpu(GetParam(), shape, 2, {.first_image = last, .num_images = 1});
    for (std::size_t r = 0; r < all.size(); ++r) {
      if (!all[r].of_images) continue;
      const std::vector<double>& image = alone[r].values;
      const std::vector<double> in_batch(all[r].values.end() - std::ssize(image),
                                         all[r].values.end());
      ASSERT_LT(image.size(), all[r].values.size());
      EXPECT_EQ(image, in_batch) << "shape " << shape.x << ", result " << r;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, SimdOp, testing::ValuesIn(op_cases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace ddim
