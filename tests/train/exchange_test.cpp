// Runs that go on elsewhere: through the official code's file, from another program's model.
#include "train/exchange.h"

#include <gmock/gmock.h>

#include <sstream>
#include <stop_token>

#include "model/convert.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/tiny_run.h"
#include "train/checkpoint.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A network that the official code has too: 32 groups.
TrainConfig official_config() {
  TrainConfig config = tiny_config();
  config.model.block_out_channels = {32, 32};
  config.model.norm_num_groups = 32;
  config.training.batch = 4;
  config.training.shards = 2;
  config.training.steps = 6;
  config.output.checkpoint_every_steps = 3;
  return config;
}

class Exchange : public ::testing::Test {
 protected:
  Exchange() { write_tiny_data(temporary_.path() / "data"); }

  TrainSummary train(const std::string& run, TrainOptions options) {
    options.config = config_;
    options.data = temporary_.path() / "data";
    options.out = folder(run);
    return run_training(options, make_device(DeviceKind::cpu));
  }
  fs::path folder(const std::string& name) const { return temporary_.path() / name; }
  /// A run of `steps` steps, as the official code's file.
  fs::path official_file(std::int64_t steps) {
    const TrainSummary first = train("first", {.max_steps = steps});
    const fs::path file = folder("ckpt.pth");
    model::write_model(open_checkpoint(first.checkpoint), file,
                       {.target = ConvertTarget::official});
    return file;
  }

  test::TemporaryFolder temporary_;
  TrainConfig config_ = official_config();
};

TEST_F(Exchange, ThroughAnOfficialCheckpointBitForBit) {
  const fs::path file = official_file(3);
  const TrainSummary second = train("second", {.init = file});
  EXPECT_EQ(second.steps, 6);
  EXPECT_EQ(second.steps_here, 3);
  const TrainSummary whole = train("whole", {});
  EXPECT_EQ(sha256_of_file(second.checkpoint / "state.safetensors"),
            sha256_of_file(whole.checkpoint / "state.safetensors"));
}

TEST_F(Exchange, TheSettingsOfAdamGoAlong) {
  config_.training.beta2 = 0.99;
  const model::ModelFiles files = open_checkpoint(official_file(3));
  ASSERT_TRUE(files.adam);
  EXPECT_EQ(files.adam->num_updates, 3);
  EXPECT_EQ(files.adam->settings.beta2, 0.99);
  EXPECT_DOUBLE_EQ(files.adam->settings.learning_rate, 1e-3 * 3 / 5);  // of the warm-up's step 2

  TrainingState state(make_device(DeviceKind::cpu), config_);
  EXPECT_THAT(take_over(files, config_, state), IsEmpty());
  EXPECT_EQ(state.step, 3);
  EXPECT_EQ(state.updates, 3);
  config_.training.beta2 = 0.9;
  config_.training.learning_rate = 2e-3;
  EXPECT_THAT(take_over(files, config_, state),
              testing::ElementsAre(HasSubstr("learning rate was 0.0006 and is now 0.0012"),
                                   HasSubstr("training.beta2 was 0.99 and is now 0.9")));
}

// Stopped before its first step, a run still knows what it began with.
TEST_F(Exchange, ARunFromAModelCanBeResumedFromItsBeginning) {
  const fs::path file = official_file(3);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(train("second", {.init = file, .stop = stop.get_token()}).steps_here, 0);
  const TrainSummary resumed = train("second", {.start = Start::resume});
  EXPECT_EQ(resumed.steps, 6);
  const TrainSummary whole = train("whole", {});
  EXPECT_EQ(sha256_of_file(resumed.checkpoint / "state.safetensors"),
            sha256_of_file(whole.checkpoint / "state.safetensors"));
}

TEST_F(Exchange, AModelWithoutAdamBeginsAtStepZero) {
  const TrainSummary first = train("first", {.max_steps = 3});
  model::write_model(open_checkpoint(first.checkpoint), folder("model"), {});
  const model::ModelFiles files = model::open_model(folder("model"));
  TrainingState state(make_device(DeviceKind::cpu), config_);
  EXPECT_THAT(take_over(files, config_, state), IsEmpty());
  EXPECT_EQ(state.step, 0);
  EXPECT_EQ(state.updates, 0);
  for (const Parameter* parameter : state.network.parameters()) {
    const std::vector<float> weights = to_host(parameter->value);
    EXPECT_EQ(weights, to_host(state.average.parameters()[parameter->index]->value));
    EXPECT_EQ(to_host(state.m[parameter->index]), std::vector<float>(weights.size()));
  }
  std::vector<float> stored(static_cast<std::size_t>(files.weights[0].num_elements()));
  io::read_f32(files.weights[0], stored);
  EXPECT_EQ(to_host(state.network.parameters()[0]->value), stored);

  config_.diffusion.prediction = Prediction::v;
  EXPECT_THAT(take_over(files, config_, state),
              ElementsAre("the network predicted eps and now learns to predict v"));
}

TEST_F(Exchange, AnotherNetworkIsRefusedBeforeAnythingIsMade) {
  const fs::path file = official_file(1);
  config_.model.layers_per_block = 2;
  expect_error(ErrorCode::user, "model.layers_per_block is 1 there but 2",
               [&] { train("second", {.init = file}); });
  config_.model.layers_per_block = 1;
  config_.model.block_out_channels = {32, 64};
  expect_error(ErrorCode::user, "model.block_out_channels is [32, 32] there but [32, 64]",
               [&] { train("second", {.init = file}); });
  EXPECT_FALSE(fs::exists(folder("second")));
}

TEST_F(Exchange, AResumedRunGoesOnFromItsOwnCheckpoint) {
  expect_error(ErrorCode::user, "not from another model",
               [&] { train("first", {.start = Start::resume, .init = folder("model")}); });
}

}  // namespace
}  // namespace ddim::engine::train
