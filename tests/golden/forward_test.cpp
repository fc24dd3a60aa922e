#include "tests/golden/golden_case.h"

namespace ddim::engine {
namespace {

class GoldenForward : public GoldenTest, public testing::WithParamInterface<GoldenCase> {
  void SetUp() override { load(GetParam()); }

 protected:
  /// eps of images first .. first+count-1 of the file; all of them from the first on by default.
  Tensor predicted(const io::SafetensorsFile& file, std::int64_t first = 0,
                   std::int64_t count = -1) {
    const std::vector<std::int64_t> steps = read_i64(file, "t");
    const std::vector<double> t(steps.begin(), steps.end());
    const Tensor x = images(file, "x");
    if (count < 0) count = x.dim(0);
    Tape tape;
    return unet()(tape, x.slice(first, count),
                  std::span(t).subspan(static_cast<std::size_t>(first),
                                       static_cast<std::size_t>(count)))
        .value();
  }
};

TEST_P(GoldenForward, PredictedNoise) {
  const io::SafetensorsFile file = open("forward.safetensors");
  const double error = relative_error(to_nchw(predicted(file)), file.read("eps"));
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LE(error, kForwardTolerance);
}

TEST_P(GoldenForward, OfAnImageIsTheSameInAnyBatch) {
  const io::SafetensorsFile file = open("forward.safetensors");
  const Tensor together = predicted(file);
  for (const std::int64_t image : {std::int64_t{0}, together.dim(0) - 1})
    EXPECT_EQ(to_host(predicted(file, image, 1)), to_host(together.slice(image, 1))) << image;
}

// By the root of mean squares. Seen: 2.8e-2 with direct sums, 4.1e-2 with the tiles of `cpu`; this
// network has few channels, whose errors average out less than those of large ones.
TEST_P(GoldenForward, PredictedNoiseInBf16) {
  if (GetParam().backend == DeviceKind::reference) GTEST_SKIP() << "the reference has no bf16";
  load(GetParam(), Precision::bf16);
  const io::SafetensorsFile file = open("forward.safetensors");
  const Tensor together = predicted(file);
  const double error = rms_error(to_nchw(together), file.read("eps"));
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LE(error, 6e-2);
  EXPECT_GE(error, 1e-4) << "these are no products of bf16";
  EXPECT_EQ(to_host(predicted(file, 0, 1)), to_host(together.slice(0, 1)));
}

INSTANTIATE_TEST_SUITE_P(All, GoldenForward, testing::ValuesIn(golden_cases()),
                         [](const auto& golden) { return name_of(golden.param); });

}  // namespace
}  // namespace ddim::engine
