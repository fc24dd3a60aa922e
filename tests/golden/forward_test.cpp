#include "tests/golden/golden_case.h"

namespace ddim::engine {
namespace {

class GoldenForward : public GoldenTest, public testing::WithParamInterface<GoldenCase> {
  void SetUp() override { load(GetParam()); }
};

TEST_P(GoldenForward, PredictedNoise) {
  const io::SafetensorsFile file = open("forward.safetensors");
  const std::vector<std::int64_t> t = read_i64(file, "t");
  Tape tape;
  const Tensor eps =
      unet()(tape, images(file, "x"), std::vector<double>(t.begin(), t.end())).value();
  const double error = relative_error(to_nchw(eps), file.read("eps"));
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LE(error, kForwardTolerance);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenForward, testing::ValuesIn(golden_cases()),
                         [](const auto& golden) { return name_of(golden.param); });

}  // namespace
}  // namespace ddim::engine
