#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/temporary_folder.h"

namespace ddim::api_test {
namespace {

class Training : public testing::Test {
 protected:
  Training() {
    std::filesystem::create_directory(folder_ / "pictures");
    for (int k = 0; k < 4; ++k) {
      Image image{.width = 8, .height = 8, .channels = 1};
      image.pixels.assign(64, static_cast<std::uint8_t>(60 * k));
      write_png(folder_ / ("pictures/" + std::to_string(k) + ".png"), image);
    }
    std::ofstream(folder_ / "config.toml") << R"(
[model]
channels = 1
block_out_channels = [32]
layers_per_block = 1
attention_levels = []
[data]
resolution = 8
[training]
batch = 2
shards = 1
steps = 5
)";
    options_ = {.config = load_train_config(folder_ / "config.toml"),
                .data = folder_ / "pictures",
                .out = folder_ / "run"};
  }

  test::TemporaryFolder folder_;
  TrainOptions options_;
};

// The same figures whether a run was stopped or not, and the run itself is the same with them.
TEST_F(Training, MeasuresQualityOnTheWay) {
  options_.config.data.validation.share = 0.5;
  options_.config.output.log_every_steps = 5;
  options_.config.output.checkpoint_every_steps = 2;
  const std::string hash = Model::load(train_model(options_).checkpoint).weights_hash();
  const auto columns_at = [&](const std::string& run) {
    std::map<std::string, std::vector<std::string>> lines;
    std::ifstream csv(folder_ / (run + "/metrics.csv"));
    for (std::string line; std::getline(csv, line);) {
      std::istringstream columns(line);
      std::vector<std::string>& of_step = lines[line.substr(0, line.find(','))];
      for (std::string column; std::getline(columns, column, ',');) of_step.push_back(column);
      of_step.resize(11);
    }
    return lines;
  };
  options_.config.output.evaluate_every_steps = 2;
  options_.config.output.evaluate_count = 4;
  options_.config.output.evaluate_steps = 3;
  options_.config.data.validation = {};
  options_.out = folder_ / "without";
  train_model(options_);
  EXPECT_EQ(columns_at("without").at("4")[9], "");  // nothing is held out
  EXPECT_NE(columns_at("without").at("4")[10], "");

  // Two pictures of four are held out, too few for a distance.
  options_.config.data.validation.share = 0.5;
  options_.out = folder_ / "measured";
  EXPECT_EQ(Model::load(train_model(options_).checkpoint).weights_hash(), hash);
  const auto measured = columns_at("measured");
  EXPECT_EQ(measured.at("step")[9], "eps_error");
  EXPECT_GT(std::stod(measured.at("2")[9]), 0.0);
  EXPECT_EQ(measured.at("2")[10], "");
  EXPECT_EQ(measured.at("5")[9], "");
  options_.out = folder_ / "parts";
  options_.max_steps = 3;
  train_model(options_);
  options_.start = Start::resume;
  options_.max_steps = {};
  train_model(options_);
  EXPECT_EQ(columns_at("parts").at("4")[9], measured.at("4")[9]);
  EXPECT_NE(plot_run(folder_ / "measured").find("Error of the predicted noise"), std::string::npos);
  EXPECT_NE(plot_run(folder_ / "without").find("Kernel distance"), std::string::npos);
  EXPECT_EQ(plot_run(folder_ / "run").find("Kernel distance"), std::string::npos);
}

TEST_F(Training, EndsWithAModelThatCanBeMeasured) {
  const TrainSummary summary = train_model(options_);
  EXPECT_EQ(summary.ending, TrainEnding::finished);
  EXPECT_EQ(summary.steps, 5);
  const Model model = Model::load(summary.checkpoint);
  const EpsErrorOptions options{.data = {.data = folder_ / "pictures"}, .t = {500, 3}};
  const EpsErrors errors = eps_error(model, options);
  EXPECT_EQ(errors.images, 4);
  EXPECT_EQ(errors.inner_height, 8);
  EXPECT_EQ(errors.inner_width, 8);
  ASSERT_EQ(errors.at.size(), 2U);
  EXPECT_EQ(errors.at[1].t, 3);
  EXPECT_GT(errors.at[1].mean_squared_error, 0.0);

  EpsErrorOptions fewer = options;
  fewer.data.max_images = 2;
  fewer.run.batch = 1;
  EXPECT_EQ(eps_error(model, fewer).images, 2);
  EXPECT_NE(eps_error(model, fewer).at[0].mean_squared_error, errors.at[0].mean_squared_error);
}

TEST_F(Training, SmallerPicturesArePaddedAndTheBorderDoesNotCount) {
  const Model model = Model::load(train_model(options_).checkpoint);
  std::filesystem::create_directory(folder_ / "small");
  for (int k = 0; k < 2; ++k) {
    Image image{.width = 6, .height = 6, .channels = 1};
    image.pixels.assign(36, static_cast<std::uint8_t>(100 + k));
    write_png(folder_ / ("small/" + std::to_string(k) + ".png"), image);
  }
  const EpsErrors errors = eps_error(model, {.data = {.data = folder_ / "small"}});
  EXPECT_EQ(errors.inner_height, 6);
  EXPECT_EQ(errors.inner_width, 6);
}

// Also where some have the size, or are larger by one pixel than others.
TEST_F(Training, PicturesGetToTheModelsSizeAsInItsTraining) {
  std::filesystem::create_directory(folder_ / "small");
  for (const int size : {5, 8}) {
    Image image{.width = size, .height = size, .channels = 1};
    for (int k = 0; k < size * size; ++k)
      image.pixels.push_back(static_cast<std::uint8_t>(9 * k % 256));
    write_png(folder_ / ("small/" + std::to_string(size) + ".png"), image);
  }
  const auto errors_of = [&](Fit trained_with, std::optional<Fit> fit) {
    options_.config.data.fit = trained_with;
    options_.out = folder_ / std::string(to_string(trained_with));
    options_.max_steps = 1;
    const bool is_there = std::filesystem::exists(options_.out);
    const std::filesystem::path run =
        is_there ? options_.out / "checkpoints/step-00000001" : train_model(options_).checkpoint;
    return eps_error(Model::load(run), {.data = {.data = folder_ / "small"}, .fit = fit});
  };
  const EpsErrors padded = errors_of(Fit::none, {});
  EXPECT_EQ(padded.fit, Fit::pad);
  EXPECT_EQ(padded.inner_height, 5);
  const EpsErrors resized = errors_of(Fit::crop_resize, {});
  EXPECT_EQ(resized.fit, Fit::crop_resize);
  EXPECT_EQ(resized.inner_width, 8);
  EXPECT_NE(resized.checksum, padded.checksum);
  EXPECT_EQ(errors_of(Fit::none, Fit::crop_resize).checksum, resized.checksum);
  EXPECT_EQ(errors_of(Fit::crop_resize, Fit::pad).checksum, padded.checksum);
  EXPECT_THROW(errors_of(Fit::crop_resize, Fit::none), Error);
}

TEST_F(Training, PicturesWithAlphaAreLaidOverWhatTrainingHadBehindThem) {
  write_png(folder_ / "clear.png", {8, 8, 4, std::vector<std::uint8_t>(256, 0)});
  options_.config.data.background = {0, 0, 0};
  options_.max_steps = 1;
  const Model model = Model::load(train_model(options_).checkpoint);
  EXPECT_EQ(load_pictures(model, {folder_ / "clear.png"}).values, std::vector<float>(64, -1.0F));
  EXPECT_EQ(
      load_pictures(model, {folder_ / "clear.png"}, Fit::none, {.background = Colour()}).values,
      std::vector<float>(64, 1.0F));
}

TEST_F(Training, TheSeedDecidesTheResult) {
  const auto loss = [&](std::int64_t seed, const std::string& run) {
    TrainOptions options = options_;
    options.config.training.seed = seed;
    options.out = folder_ / run;
    options.max_steps = 1;
    return train_model(options).loss;
  };
  EXPECT_EQ(loss(0, "a"), loss(0, "b"));
  EXPECT_NE(loss(0, "c"), loss(1, "d"));
}

TEST_F(Training, StopsBeforeTheNextStepWhenAskedTo) {
  std::stop_source stop;
  stop.request_stop();
  options_.stop = stop.get_token();
  const TrainSummary summary = train_model(options_);
  EXPECT_EQ(summary.ending, TrainEnding::interrupted);
  EXPECT_EQ(summary.steps, 0);
  EXPECT_TRUE(std::filesystem::exists(summary.checkpoint));
}

}  // namespace
}  // namespace ddim::api_test
