#include <ddim/image.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

/// Data sets of other sizes than the pictures of models, which have 8x8.
class Fitting : public testing::Test {
 protected:
  Fitting() { make_micro_model(folder_ / "micro"); }

  /// 80 PNG files.
  std::string make_folder(const std::string& name, std::int64_t size) const {
    std::filesystem::create_directories(folder_ / name);
    for (int k = 0; k < 80; ++k) {
      Image image{.width = size, .height = size, .channels = 3};
      for (std::int64_t i = 0; i < 3 * size * size; ++i)
        image.pixels.push_back(static_cast<std::uint8_t>((k * 31 + i * i) % 256));
      write_png(folder_ / (name + "/" + std::to_string(100 + k) + ".png"), image);
    }
    return folder_ / name;
  }
  /// The folder "run": a model that saw its pictures cropped and resized, but for a tenth of them.
  void train_on(const std::string& data) const {
    std::string config = small_training_config();
    config.insert(config.find("resolution"), "fit = \"crop-resize\"\nvalidation = 0.1\n");
    write_file(folder_ / "small.toml", config);
    const Outcome run =
        run_ddim("train " + (folder_ / "small.toml") + " --quiet --max-steps 1 --data " + data +
                 " --out " + (folder_ / "run"));
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  Outcome compare(const std::string& model, const std::string& reference) const {
    return run_ddim("evaluate --json --shrink --resize --count 4 --steps 1 --model " +
                    (folder_ / model) + " " + reference);
  }
  /// What the comparison says of its reference.
  Json found(const std::string& model, const std::string& reference) const {
    const Outcome run = compare(model, reference);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return Json::parse(run.out);
  }
  static std::string to_the_models_size(const std::string& fit) {
    return fit + " to 8x8, the size that the model draws";
  }

  TemporaryFolder folder_;
};

// Whichever part of the data set it is.
TEST_F(Fitting, OfAReferenceIsThatOfTheTraining) {
  const std::string train = make_folder("set/train", 6);
  make_folder("set/test", 7);
  train_on(folder_ / "set");
  const Json trained = found("run", "--split train " + (folder_ / "set"));
  EXPECT_EQ(trained["second_fit"], to_the_models_size("crop-resize"));
  EXPECT_TRUE(trained.contains("second_is"));
  const Json other = found("run", "--split test " + (folder_ / "set"));
  EXPECT_EQ(other["second_fit"], to_the_models_size("crop-resize"));
  EXPECT_FALSE(other.contains("second_is"));
  EXPECT_EQ(found("micro", train)["second_fit"], to_the_models_size("pad"));

  for (const auto& [model, fit] : {std::pair{"run", "crop-resize"}, std::pair{"micro", "pad"}}) {
    const Outcome run = run_ddim("reproduce --quiet --json --steps 1,2 --count 4 --data " +
                                 (folder_ / "set") + " --model " + (folder_ / model) + " --out " +
                                 (folder_ / (std::string("report-of-") + model)));
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const Json report = Json::parse(run.out);
    bool is_said = false;
    for (const Json& cell : report["cells"]) {
      if (!cell["recipe"].contains("reference")) continue;
      EXPECT_THAT(cell["recipe"]["reference"].get<std::string>(),
                  HasSubstr(to_the_models_size(fit)));
      is_said = true;
    }
    EXPECT_TRUE(is_said);
  }
}

// None of them is damaged.
TEST_F(Fitting, LeavesNoPictureOutForItsSize) {
  const std::string large = make_folder("large", 9);
  EXPECT_EQ(found("micro", large)["second_fit"], to_the_models_size("crop-resize"));
  write_file(large + "/damaged.png", "no picture");
  for (const std::int64_t size : {6, 8})
    write_png(
        large + "/" + std::to_string(size) + ".png",
        {size, size, 3, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * size * size))});
  const Outcome refused = compare("micro", large);
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, HasSubstr("evaluate: 1 of 83 image files cannot be used"));
  const Outcome run = compare("micro", "--skip-corrupt " + large);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out)["second_count"], "82");
  EXPECT_THAT(run.err, HasSubstr("1 file was left out, as it cannot be read"));
}

TEST_F(Fitting, OfPicturesWhoseNoiseIsPredictedIsSaidWithAllElse) {
  const std::string command = "evaluate --eps-error --t 10 --seed 5 --max-images 9 --model " +
                              (folder_ / "micro") + " --data " + make_folder("set", 5);
  const Json found = Json::parse(run_ddim(command + " --json").out);
  EXPECT_EQ(found["data"], folder_ / "set");
  EXPECT_EQ(found["data_part"], "all (not split), the first 9");
  EXPECT_EQ(found["data_fit"], to_the_models_size("pad"));
  EXPECT_EQ(found["inner_width"], 5);
  EXPECT_EQ(found["model"], "micro");
  EXPECT_EQ(found["model_hash"].get<std::string>().size(), 64U);
  EXPECT_EQ(found["seed"], "5");
  EXPECT_EQ(found["precision"], "fp32");
  EXPECT_FALSE(found.contains("steps"));
  const std::string table = run_ddim(command + " --resize --T 50").out;
  for (const char* line : {"data_fit: crop-resize to 8x8", "seed: 5", "T: 50", "model: micro"})
    EXPECT_THAT(table, HasSubstr(line));
  const Outcome refused = run_ddim(command + " --resize none");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("100.png: images are 5x5, not 8x8"));
}

}  // namespace
}  // namespace ddim::cli_test
