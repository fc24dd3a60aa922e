#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <fstream>

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
