#include <ddim/image.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

class Sweep : public testing::Test {
 protected:
  Sweep() : model_(folder_ / "micro") { make_micro_model(model_); }
  Outcome sweep(const std::string& flags, const std::string& name = "table.png") const {
    return run_ddim("sweep --model " + model_ + " --out " + (folder_ / name) + " " + flags);
  }

  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(Sweep, DrawsEveryCellFromTheSameNoise) {
  const Outcome run = sweep("--steps 2,3,5 --eta 0,0.5,sigma-hat --count 2 --seed 4 --json");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json json = Json::parse(run.out);
  ASSERT_EQ(json.at("cells").size(), 9U);
  EXPECT_EQ(json["cells"][5]["eta"], "0.5");
  EXPECT_EQ(json["cells"][5]["steps"], 5);
  EXPECT_EQ(json["cells"][5]["nfe"], 5);

  // The last cell of the first row is what `sample` draws, at the lower right of its row.
  const Image table = read_png(folder_ / "table.png");
  ASSERT_EQ(run_ddim("sample --model " + model_ + " --steps 5 --count 2 --seed 4 --columns 2" +
                     " --scale 8 --out " + (folder_ / "cell.png"))
                .exit_code,
            0);
  const Image cell = read_png(folder_ / "cell.png");
  const std::int64_t left = table.width - 8 - cell.width;
  const std::int64_t top = table.height - 3 * (8 + cell.height);
  for (std::int64_t y = 0; y < cell.height; ++y) {
    const auto* expected = &cell.pixels[static_cast<std::size_t>(y * cell.width * 3)];
    const auto* found =
        &table.pixels[static_cast<std::size_t>(((top + y) * table.width + left) * 3)];
    ASSERT_TRUE(std::equal(expected, expected + cell.width * 3, found)) << y;
  }
}

TEST_F(Sweep, ComparesSamplersAndPrintsATable) {
  const Outcome run = sweep("--steps 4 --sampler ddim,unipc,ddpm-small --count 1");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("unipc"));
  EXPECT_THAT(run.out, HasSubstr("calls"));
  EXPECT_THAT(run.out, HasSubstr("table.png"));
}

TEST_F(Sweep, RefusesWhatIsNoTableBeforeItLoadsTheModel) {
  const auto refused = [&](const std::string& flags, const std::string& message,
                           const std::string& name = "table.png") {
    const Outcome run = run_ddim("sweep --model " + (folder_ / "no-model") + " --out " +
                                 (folder_ / name) + " " + flags);
    EXPECT_NE(run.exit_code, 0) << flags;
    EXPECT_THAT(run.err, HasSubstr(message)) << flags;
    EXPECT_THAT(run.err, testing::Not(HasSubstr("no-model"))) << flags;
  };
  refused("--steps 2,3 --eta 0,1 --sampler ddim,euler", "at most two");
  refused("--eta 0,1 --sampler unipc", "--eta works only with");
  refused("--eta much", "--eta");
  refused("--guidance a", "--guidance");
  refused("--sampler adaptive", "unknown value \"adaptive\"");
  refused("--steps 0", "--steps");
  refused("--count 0", "--count");
  refused("", "--out must end in .png", "table.jpg");
  EXPECT_EQ(sweep("--steps 2000").exit_code, 1);
  EXPECT_EQ(folder_.list().front(), "micro");
}

TEST_F(Sweep, AnEnlargedGridIsDrawnAgainFromItsRecipe) {
  ASSERT_EQ(run_ddim("sample --model " + model_ + " --steps 2 --count 6 --scale auto --out " +
                     (folder_ / "a.png"))
                .exit_code,
            0);
  EXPECT_EQ(read_png_text(folder_ / "a.png").at("scale"), "8");
  EXPECT_EQ(read_png(folder_ / "a.png").width, 3 * (8 * 8 + 2) + 2);
  ASSERT_EQ(run_ddim("sample --like " + (folder_ / "a.png") + " --model " + model_ + " --out " +
                     (folder_ / "b.png"))
                .exit_code,
            0);
  EXPECT_EQ(read_file(folder_ / "a.png"), read_file(folder_ / "b.png"));
  EXPECT_THAT(run_ddim("sample --model " + model_ + " --scale 0 --out " + (folder_ / "c.png")).err,
              HasSubstr("--scale must be a number from 1 to 64, or auto; got 0"));
}

}  // namespace
}  // namespace ddim::cli_test
