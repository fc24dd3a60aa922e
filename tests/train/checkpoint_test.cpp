#include "train/checkpoint.h"

#include <gmock/gmock.h>

#include <limits>

#include "model/model.h"
#include "tests/support/devices.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"
#include "tests/train/tiny_run.h"
#include "train/checkpoint_writer.h"
#include "train/trainer.h"

namespace ddim::engine::train {
namespace {

using test::read_text;

namespace fs = std::filesystem;
using test::expect_error;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckpointTest : public ::testing::Test {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_))
      found.push_back(entry.path().filename().string());
    std::ranges::sort(found);
    return found;
  }
  fs::path save_at(CheckpointStore& store, std::int64_t step) {
    state_.step = step;
    return store.save(state_, config_, 5);
  }
  static void damage(const fs::path& file) {
    std::string text = read_text(file);
    text[text.size() / 2] ^= 1;
    std::ofstream(file, std::ios::binary) << text;
  }

  test::TemporaryFolder temporary_;
  fs::path folder_ = temporary_.path() / "checkpoints";
  TrainConfig config_ = tiny_config();
  Device device_ = make_device(DeviceKind::cpu);
  TrainingState state_{device_, config_};
};

TEST_F(CheckpointTest, GivesTheStateBack) {
  const data::Dataset dataset = tiny_dataset(10);
  Trainer trainer(config_, device_, dataset);
  for (int i = 0; i < 3; ++i) trainer.step();
  CheckpointStore store(folder_);
  const fs::path path = store.save(trainer.state(), config_, 5);
  EXPECT_EQ(path.filename(), "step-00000003");

  load_checkpoint(path, config_, 5, state_);
  EXPECT_EQ(sha256_of_state(state_), sha256_of_state(trainer.state()));
  EXPECT_EQ(state_.step, 3);
  EXPECT_EQ(state_.updates, 3);
}

TEST_F(CheckpointTest, OfAGpuIsGoodForACpuAndBack) {
  if (!test::has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
  const Device gpu = test::device(DeviceKind::cuda);
  const data::Dataset dataset = tiny_dataset(10);
  config_.training.shards = 2;
  Trainer trainer(config_, gpu, dataset);
  EXPECT_EQ(trainer.num_threads(), 1);
  for (int i = 0; i < 3; ++i) trainer.step();
  CheckpointStore store(folder_), copies(temporary_.path() / "copies");
  const fs::path path = store.save(trainer.state(), config_, 5);
  StateCopy copy;
  const fs::path of_copy = copies.save(copy.take(trainer.state()), config_, 5);
  EXPECT_EQ(read_text(of_copy / "state.safetensors"), read_text(path / "state.safetensors"));

  load_checkpoint(path, config_, 5, state_);
  const std::string after_three = sha256_of_state(trainer.state());
  EXPECT_EQ(sha256_of_state(state_), after_three);
  const model::LoadedModel model = model::load_model(path, device_);
  for (const Parameter* parameter : trainer.state().average.parameters())
    EXPECT_EQ(to_host(model.unet.parameters()[parameter->index]->value), to_host(parameter->value));
  model::save_model(model::load_model(path, gpu), temporary_.path() / "saved", io::StoredType::f32);
  EXPECT_EQ(read_text(temporary_.path() / "saved/unet/diffusion_pytorch_model.safetensors"),
            read_text(path / "unet/diffusion_pytorch_model.safetensors"));

  // What the CPU saves, the GPU goes on from, as if it had never stopped.
  Trainer resumed(config_, gpu, dataset);
  CheckpointStore from_cpu(temporary_.path() / "from_cpu");
  load_checkpoint(from_cpu.save(state_, config_, 5), config_, 5, resumed.state());
  EXPECT_EQ(sha256_of_state(resumed.state()), after_three);
  resumed.step();
  trainer.step();
  EXPECT_EQ(sha256_of_state(resumed.state()), sha256_of_state(trainer.state()));
}

TEST_F(CheckpointTest, IsAModelOfTheAveragedWeights) {
  device_.kernels().fill(0.25, state_.average.mutable_parameters()[0]->value);
  CheckpointStore store(folder_);
  const model::LoadedModel model = model::load_model(save_at(store, 7), device_);
  EXPECT_EQ(model.unet.config(), [&] {
    UNetConfig expected = config_.model;
    expected.dropout = model.unet.config().dropout;
    return expected;
  }());
  for (const Parameter* parameter : state_.average.parameters())
    EXPECT_EQ(to_host(model.unet.parameters()[parameter->index]->value), to_host(parameter->value))
        << parameter->name;
}

TEST_F(CheckpointTest, FallsBackToTheNewestThatVerifiesAndSaysWhy) {
  CheckpointStore writer(folder_);
  const fs::path first = save_at(writer, 2);
  const fs::path second = save_at(writer, 4);
  const fs::path third = save_at(writer, 6);
  EXPECT_EQ(CheckpointStore(folder_).find_newest().folder, third);
  damage(third / "state.safetensors");
  fs::remove(second / "unet" / "config.json");

  const CheckpointStore::Newest newest = CheckpointStore(folder_).find_newest();
  EXPECT_EQ(newest.folder, first);
  EXPECT_THAT(newest.skipped, ElementsAre(HasSubstr("step-00000006 is skipped"),
                                          HasSubstr("config.json is missing")));
  fs::remove(first / "manifest.json");
  EXPECT_FALSE(CheckpointStore(folder_).find_newest().folder.has_value());
}

// It may be a good one: nothing is skipped, renamed or removed.
TEST_F(CheckpointTest, StopsAtOneThatCannotBeRead) {
  CheckpointStore writer(folder_);
  for (const std::int64_t step : {1, 2, 3, 4}) save_at(writer, step);
  const fs::path unreadable = folder_ / "step-00000004" / "state.safetensors";
  fs::rename(unreadable, temporary_.path() / "good");
  fs::create_symlink(unreadable.filename(), unreadable);  // leads to itself
  CheckpointStore store(folder_);
  const std::string message = "cannot read " + unreadable.string();
  expect_error(ErrorCode::io, message, [&] { store.find_newest(); });
  expect_error(ErrorCode::io, message, [&] { save_at(store, 4); });
  EXPECT_THAT(names(),
              ElementsAre("step-00000001", "step-00000002", "step-00000003", "step-00000004"));
  store.remove_old(2);
  EXPECT_THAT(names(), ElementsAre("step-00000002", "step-00000003", "step-00000004"));
  fs::rename(temporary_.path() / "good", unreadable);
  EXPECT_EQ(store.find_newest().folder, folder_ / "step-00000004");
}

TEST_F(CheckpointTest, SetsADamagedOneOfItsNameAside) {
  CheckpointStore writer(folder_);
  damage(save_at(writer, 4) / "state.safetensors");
  CheckpointStore store(folder_);
  EXPECT_EQ(store.find_newest().folder, std::nullopt);
  EXPECT_EQ(save_at(store, 4), folder_ / "step-00000004");
  EXPECT_THAT(names(), ElementsAre("step-00000004", "step-00000004.damaged"));
  EXPECT_TRUE(CheckpointStore(folder_).find_newest().folder.has_value());
  save_at(store, 4);  // there already, and complete
  EXPECT_THAT(names(), ElementsAre("step-00000004", "step-00000004.damaged"));
}

TEST_F(CheckpointTest, KeepsTheNewestCompleteOnes) {
  CheckpointStore writer(folder_);
  for (const std::int64_t step : {1, 2, 3, 4, 5}) save_at(writer, step);
  damage(folder_ / "step-00000004" / "state.safetensors");
  CheckpointStore(folder_).remove_old(2);
  EXPECT_THAT(names(), ElementsAre("step-00000003", "step-00000004", "step-00000005"));
}

// What is known to be complete, and cannot be read any more, may be the last healthy one.
TEST_F(CheckpointTest, LeavesThoseWhoseHealthCannotBeRead) {
  CheckpointStore store(folder_);
  for (const std::int64_t step : {1, 2, 3, 4}) save_at(store, step);
  const fs::path health = folder_ / "step-00000004" / "health.json";
  fs::remove(health);
  fs::create_symlink(health.filename(), health);  // leads to itself
  store.remove_old(2);
  EXPECT_THAT(names(), ElementsAre("step-00000002", "step-00000003", "step-00000004"));
  EXPECT_EQ(store.last_trusted(), folder_ / "step-00000002");
}

TEST_F(CheckpointTest, RemovesLeftoversOfInterruptedWrites) {
  CheckpointStore writer(folder_);
  save_at(writer, 1);
  fs::create_directories(folder_ / "step-00000002.tmp-123-0" / "unet");
  fs::create_directories(folder_ / "notes");
  EXPECT_EQ(CheckpointStore(folder_).find_newest().folder, folder_ / "step-00000001");
  EXPECT_THAT(names(), ElementsAre("notes", "step-00000001"));
}

TEST_F(CheckpointTest, NeverHoldsANan) {
  CheckpointStore store(folder_);
  device_.kernels().fill(std::numeric_limits<double>::quiet_NaN(), state_.v[3]);
  expect_error(ErrorCode::numeric, "adam_v/", [&] { save_at(store, 1); });
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CheckpointTest, RefusesAnotherConfigurationAndOtherData) {
  CheckpointStore store(folder_);
  const fs::path path = save_at(store, 1);
  TrainConfig other = config_;
  other.training.shards = 2;
  expect_error(ErrorCode::user, "\n  training.shards is 2, the checkpoint has 4\n",
               [&] { load_checkpoint(path, other, 5, state_); });
  expect_error(ErrorCode::user, "the training data have changed (CRC-32 6 instead of 5)",
               [&] { load_checkpoint(path, config_, 6, state_); });
  other = config_;
  other.training.threads = 9;
  EXPECT_NO_THROW(load_checkpoint(path, other, 5, state_));
}

TEST_F(CheckpointTest, BytesAreAFunctionOfTheState) {
  CheckpointStore store(folder_);
  const fs::path one = save_at(store, 1);
  CheckpointStore other(temporary_.path() / "other");
  const fs::path two = save_at(other, 1);
  for (const char* file : {"state.safetensors", "unet/diffusion_pytorch_model.safetensors",
                           "unet/config.json", "config.toml", "manifest.json"})
    EXPECT_EQ(read_text(one / file), read_text(two / file)) << file;
}

// Whatever comes after: a run that has diverged must not push out what it can go back to.
TEST_F(CheckpointTest, NeverRemovesTheLastHealthyOne) {
  CheckpointStore store(folder_);
  for (const std::int64_t step : {1, 2, 3}) save_at(store, step);
  state_.refused_in_a_row = 1;
  for (const std::int64_t step : {4, 5, 6}) {
    save_at(store, step);
    store.remove_old(2);
  }
  EXPECT_EQ(read_health(folder_ / "step-00000006").problem,
            "its last step was refused: loss or gradient were not finite");
  // The steps that ruined it may have come before 3, which was the last without a bad loss.
  EXPECT_THAT(names(),
              ElementsAre("step-00000002", "step-00000003", "step-00000005", "step-00000006"));
  EXPECT_EQ(store.last_trusted(), folder_ / "step-00000002");

  state_.refused_in_a_row = 0;  // it recovers
  for (const std::int64_t step : {7, 8}) save_at(store, step);
  CheckpointStore(folder_).remove_old(2);
  EXPECT_THAT(names(), ElementsAre("step-00000007", "step-00000008"));
}

// What recovers for one checkpoint only may be ruined already.
TEST_F(CheckpointTest, KeepsTheLastTrustedOneUntilTwoHealthyOnesFollow) {
  CheckpointStore store(folder_);
  const auto save = [&](std::int64_t step, bool healthy) {
    state_.refused_in_a_row = healthy ? 0 : 1;
    save_at(store, step);
    store.remove_old(2);
  };
  for (const std::int64_t step : {1, 2}) save(step, true);
  for (const std::int64_t step : {3, 4}) save(step, false);
  save(5, true);
  EXPECT_THAT(names(),
              ElementsAre("step-00000001", "step-00000002", "step-00000004", "step-00000005"));
  EXPECT_EQ(CheckpointStore(folder_).last_trusted(), folder_ / "step-00000001");
  save(6, false);
  EXPECT_THAT(names(),
              ElementsAre("step-00000001", "step-00000002", "step-00000005", "step-00000006"));
  for (const std::int64_t step : {7, 8}) save(step, true);
  EXPECT_THAT(names(), ElementsAre("step-00000007", "step-00000008"));
  EXPECT_EQ(store.last_trusted(), folder_ / "step-00000007");
}

TEST_F(CheckpointTest, AnExplodingLossIsNotHealthyEither) {
  CheckpointStore store(folder_);
  for (int i = 0; i < 4; ++i) state_.losses.add({.loss = 0.1, .grad_norm = 1.0});
  save_at(store, 4);
  for (int i = 0; i < 2; ++i) state_.losses.add({.loss = 90.0, .grad_norm = 1.0, .skipped = true});
  EXPECT_EQ(read_health(save_at(store, 6)).problem, "");  // its weights have not seen them
  for (int i = 0; i < 4; ++i) state_.losses.add({.loss = 9.0, .grad_norm = 1.0});
  EXPECT_EQ(read_health(save_at(store, 10)).problem,
            "the mean loss of the last 8 steps is 4.55; the lowest was 0.1");
}

TEST_F(CheckpointTest, KnowsTheLossesOfItsLastSteps) {
  CheckpointStore store(folder_);
  for (int i = 0; i < 200; ++i)
    state_.losses.add({.loss = 1.0 / (3.0 + i), .grad_norm = 1e-7 * i, .skipped = i % 7 == 0});
  const LossHistory losses = state_.losses;
  const fs::path path = save_at(store, 1);
  state_.losses = {};
  load_checkpoint(path, config_, 5, state_);
  EXPECT_EQ(state_.losses, losses);

  const std::string text = read_text(path / "health.json");
  for (const auto& [before, after] : {std::pair("health 1", "health 2"),
                                      {"[", "[1, "},
                                      {"\"losses\"", "\"losse\""},
                                      {"0, 1", "0, 2"}}) {
    test::edit_text(path / "health.json", before, after);
    expect_error(ErrorCode::corrupt, "health.json",
                 [&] { load_checkpoint(path, config_, 5, state_); });
    test::write_text(path / "health.json", text);
  }
  fs::remove(path / "health.json");  // as earlier versions
  load_checkpoint(path, config_, 5, state_);
  EXPECT_EQ(state_.losses, LossHistory());
  EXPECT_EQ(read_health(path).problem, "");
}

TEST_F(CheckpointTest, ACopyIsWrittenAsItWasThoughTheStateGoesOn) {
  CheckpointStore store(folder_), direct(temporary_.path() / "direct");
  CheckpointWriter writer(store, {.config = config_, .data_fingerprint = 5});
  state_.step = 1;
  direct.save(state_, config_, 5);
  writer.begin(state_);
  for (Parameter* parameter : state_.network.mutable_parameters())
    device_.kernels().fill(0.5, parameter->value);
  state_.step = 2;
  direct.save(state_, config_, 5);
  EXPECT_EQ(writer.wait()->folder, folder_ / "step-00000001");
  EXPECT_FALSE(writer.wait().has_value());
  writer.begin(state_);  // in the memory of the first
  EXPECT_EQ(writer.wait()->folder, folder_ / "step-00000002");
  for (const char* step : {"step-00000001", "step-00000002"})
    for (const char* file : {"state.safetensors", "health.json", "manifest.json"})
      EXPECT_EQ(read_text(folder_ / step / file),
                read_text(temporary_.path() / "direct" / step / file));
}

TEST_F(CheckpointTest, AnErrorBesideTrainingIsThrownWhereItIsAskedFor) {
  CheckpointStore store(folder_);
  CheckpointWriter writer(store, {.config = config_, .data_fingerprint = 5});
  device_.kernels().fill(std::numeric_limits<double>::quiet_NaN(), state_.v[3]);
  writer.begin(state_);
  expect_error(ErrorCode::numeric, "adam_v/", [&] {
    while (writer.under_way()) writer.finished();
  });
  EXPECT_FALSE(writer.under_way());
  EXPECT_THAT(names(), IsEmpty());
}

}  // namespace
}  // namespace ddim::engine::train
