#include <ddim/animation.h>
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

TEST_F(Sweep, TakesNoMoreStepsThanTheModelHas) {
  const Outcome run = sweep("--T 15 --count 1 --json");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json cells = Json::parse(run.out).at("cells");
  ASSERT_EQ(cells.size(), 2U);
  EXPECT_EQ(cells[0].at("steps"), 10);
  EXPECT_EQ(cells[1].at("steps"), 15);
}

TEST_F(Sweep, DrawsEveryCellFromTheSameNoise) {
  const Outcome run = sweep("--steps 2,3,5 --eta 0,0.5,sigma-hat --count 2 --seed 4 --json");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json json = Json::parse(run.out);
  ASSERT_EQ(json.at("cells").size(), 9U);
  EXPECT_EQ(json["cells"][5]["eta"], 0.5);
  EXPECT_EQ(json["cells"][8]["eta"], "sigma-hat");
  EXPECT_EQ(json["cells"][5]["guidance"], 1.0);
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

class Film : public Sweep {
 protected:
  /// Draws NAME.png.
  Outcome film(const std::string& flags, const std::string& name = "film") const {
    return run_ddim("filmstrip --model " + model_ + " --out " + (folder_ / (name + ".png")) + " " +
                    flags);
  }
  std::string bytes(const std::string& name) const { return read_file(folder_ / (name + ".png")); }

  static std::vector<std::uint8_t> part(const Image& image, std::int64_t left, std::int64_t top,
                                        std::int64_t width, std::int64_t height) {
    std::vector<std::uint8_t> pixels;
    for (std::int64_t y = top; y < top + height; ++y) {
      const auto row = image.pixels.begin() + (y * image.width + left) * image.channels;
      pixels.insert(pixels.end(), row, row + width * image.channels);
    }
    return pixels;
  }
};

TEST_F(Film, EndsWithWhatSampleDraws) {
  for (const char* flags :
       {"--steps 5 --eta 1", "--steps 5 --sampler heun", "--steps 5 --as diffusers",
        "--tau 0,10,99.5,500,999 --sampler ddpm-small --clip"}) {
    const std::string pictures = std::string(" --count 2 --seed 4 --first-image 3 --overwrite ");
    ASSERT_EQ(film(flags + pictures).exit_code, 0) << flags;
    ASSERT_EQ(run_ddim("sample --columns 1 --scale 8 --model " + model_ + " --out " +
                       (folder_ / "sample.png") + pictures + flags)
                  .exit_code,
              0);
    const Image strip = read_png(folder_ / "film.png");
    const Image drawn = read_png(folder_ / "sample.png");
    // Margins hold labels: before the rows "picture 3: x_t", over the columns "t = 999".
    constexpr std::int64_t kLeft = 14 * 6 + 2 * 8, kTop = 8 + 2 * 8, kCell = 64 + 2;
    EXPECT_EQ(strip.width, kLeft + 6 * kCell + 2) << flags;
    EXPECT_EQ(strip.height, kTop + 4 * kCell + 2) << flags;
    for (std::int64_t row = 0; row < 4; ++row) {
      EXPECT_EQ(part(strip, kLeft + 2 + 5 * kCell, kTop + 2 + row * kCell, 64, 64),
                part(drawn, 2, 2 + row / 2 * kCell, 64, 64))
          << flags << ", row " << row;
    }
    // Each label is there, and another than that before it.
    const std::vector<std::uint8_t> blank(static_cast<std::size_t>(64 * kTop * 3), 255);
    std::vector<std::uint8_t> before = blank;
    for (std::int64_t column = 0; column < 6; ++column) {
      const auto label = part(strip, kLeft + 2 + column * kCell, 0, 64, kTop);
      EXPECT_NE(label, blank) << flags << ", column " << column;
      EXPECT_NE(label, before) << flags << ", column " << column;
      before = label;
    }
    for (std::int64_t row = 0; row < 4; ++row)
      EXPECT_NE(part(strip, 0, kTop + row * kCell, kLeft, 64),
                std::vector<std::uint8_t>(static_cast<std::size_t>(kLeft * 64 * 3), 255));
  }
}

TEST_F(Film, HasAtMostSoManyColumns) {
  const Outcome run = film("--steps 20 --frames 3 --json");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out).at("images"), 1);
  EXPECT_EQ(Json::parse(run.out).at("nfe"), 20);
  EXPECT_EQ(read_png(folder_ / "film.png").width, 13 * 6 + 2 * 8 + 3 * 66 + 2);
  EXPECT_THAT(film("--steps 20 --frames 3").err, HasSubstr("exists"));
}

TEST_F(Film, IsTheSameForAnyThreadsAndBesideAnAnimation) {
  const std::string flags = "--steps 9 --frames 4 --eta 1 --count 3";
  ASSERT_EQ(film(flags + " --threads 1").exit_code, 0);
  ASSERT_EQ(film(flags + " --threads 2 --batch 1", "threads").exit_code, 0);
  EXPECT_EQ(bytes("threads"), bytes("film"));
  const std::string animation = folder_ / "film.webp";
  const Outcome animated = film(flags + " --animation " + animation, "beside");
  if (!can_write_animations()) {
    EXPECT_THAT(animated.err, HasSubstr("libwebp"));
    GTEST_SKIP() << "this build has no libwebp";
  }
  ASSERT_EQ(animated.exit_code, 0) << animated.err;
  EXPECT_EQ(bytes("beside"), bytes("film"));
  EXPECT_EQ(read_file(animation).substr(8, 4), "WEBP");
}

TEST_F(Film, IsDrawnAgainFromItsRecipe) {
  ASSERT_EQ(film("--steps 5 --frames 4 --seed 3 --eta 0.5 --clip").exit_code, 0);
  const Outcome again = film("--like " + (folder_ / "film.png"), "again");
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(bytes("again"), bytes("film"));
  EXPECT_THAT(again.err, HasSubstr("the same bytes as"));
  ASSERT_EQ(film("--frames 3 --like " + (folder_ / "film.png"), "short").exit_code, 0);
  EXPECT_EQ(read_png_text(folder_ / "short.png").at("frames"), "3");

  const std::string of_sample = "sample --model " + model_ + " --out " + (folder_ / "s.png");
  EXPECT_THAT(run_ddim(of_sample + " --like " + (folder_ / "film.png")).err,
              HasSubstr("was drawn by ddim filmstrip; redraw it with ddim filmstrip"));
  ASSERT_EQ(run_ddim(of_sample + " --steps 2 --count 1").exit_code, 0);
  EXPECT_THAT(film("--like " + (folder_ / "s.png"), "wrong").err,
              HasSubstr("was drawn by ddim sample; redraw it with ddim sample"));
  EXPECT_THAT(run_ddim("interpolate --like " + (folder_ / "film.png") + " --model " + model_ +
                       " --out " + (folder_ / "i.png"))
                  .err,
              HasSubstr("was drawn by ddim filmstrip"));
}

}  // namespace
}  // namespace ddim::cli_test
