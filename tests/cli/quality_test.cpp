#include <ddim/image.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

/// Sets of random-looking colour pictures that differ by `first`.
class QualityCommand : public testing::Test {
 protected:
  std::string make_set(const std::string& name, std::int64_t count, std::int64_t first,
                       std::int64_t size = 32) const {
    FloatImages set{.count = count, .shape = {.channels = 3, .height = size, .width = size}};
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) * set.shape.size(); ++i) {
      const std::size_t k = i + static_cast<std::size_t>(first) * set.shape.size();
      set.values.push_back(static_cast<float>((k * k / 7 + k) % 256) / 127.5F - 1.0F);
    }
    write_npz(folder_ / name, set);
    return folder_ / name;
  }
  void expect_refused(const std::string& arguments, const std::vector<std::string>& parts) const {
    const Outcome run = run_ddim("evaluate " + arguments);
    EXPECT_NE(run.exit_code, 0) << arguments;
    for (const std::string& part : parts) EXPECT_THAT(run.err, HasSubstr(part));
  }

  TemporaryFolder folder_;
};

TEST_F(QualityCommand, FindsNoDistanceBetweenEqualPicturesAndOneBetweenOthers) {
  const std::string a = make_set("a.npz", 80, 0), same = make_set("same.npz", 80, 0);
  const std::string b = make_set("b.npz", 80, 500);
  const Outcome equal = run_ddim("evaluate --json --resamples 4 " + a + " " + same);
  ASSERT_EQ(equal.exit_code, 0) << equal.err;
  const Json found = Json::parse(equal.out);
  EXPECT_NEAR(found["frechet_distance"].get<double>(), 0.0, 1e-6);
  EXPECT_EQ(found["precision"], 1.0);
  EXPECT_EQ(found["recall"], 1.0);
  EXPECT_GE(found["inception_score"].get<double>(), 1.0);
  EXPECT_EQ(found["extractor"], "resnet56-cifar10");
  EXPECT_EQ(found["extractor_hash"].get<std::string>().size(), 64);
  EXPECT_EQ(found["first_count"], "80");
  const Json other = Json::parse(run_ddim("evaluate --json --resamples 4 " + a + " " + b).out);
  EXPECT_GT(other["frechet_distance"].get<double>(), 1e-3);
}

TEST_F(QualityCommand, TakesStatisticsInPlaceOfPictures) {
  const std::string a = make_set("a.npz", 80, 0), b = make_set("b.npz", 80, 500);
  const std::string file = folder_ / "b-statistics.npz";
  const std::string few = "evaluate --json --resamples 4 ";
  EXPECT_EQ(run_ddim(few + "--save-statistics " + file + " " + b + " " + a).exit_code, 0);
  const Json by_pictures = Json::parse(run_ddim(few + a + " " + b).out);
  const Json by_statistics = Json::parse(run_ddim(few + a + " " + file).out);
  EXPECT_EQ(by_statistics["frechet_distance"], by_pictures["frechet_distance"]);
  EXPECT_FALSE(by_statistics.contains("kernel_distance"));
  EXPECT_EQ(by_statistics["second_count"], "80");
  expect_refused("--resize " + a + " " + file, {"different resizings", "crop-resize", "none"});
}

TEST_F(QualityCommand, RefusesWhatCannotBeCompared) {
  const std::string a = make_set("a.npz", 80, 0), few = make_set("few.npz", 64, 500);
  expect_refused(a, {"compares two sets", "got 1"});
  expect_refused(a + " " + a, {"same pictures", a});
  expect_refused(a + " " + few, {few, "64 pictures", "at least 65"});
  expect_refused(a + " " + make_set("large.npz", 70, 0, 40), {"40x40", "32x32", "--resize"});
  expect_refused("--extractor " + folder_.path().string() + " " + a + " " + few,
                 {"--extractor", "model.safetensors"});
}

}  // namespace
}  // namespace ddim::cli_test
