#include "train/held_out.h"

#include <gmock/gmock.h>

#include "io/png.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/tiny_run.h"
#include "train/trainer.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

TEST(HoldOut, TakesEachImageOnceAndSpreadsThem) {
  data::Dataset dataset = tiny_dataset(10);
  const data::Dataset before = dataset;
  const data::Dataset held_out = hold_out(dataset, 0.2);  // images 4 and 9
  ASSERT_EQ(held_out.images.count, 2);
  ASSERT_EQ(dataset.images.count, 8);
  EXPECT_EQ(held_out.labels, (std::vector<std::int64_t>{4, 4}));
  EXPECT_EQ(dataset.labels, (std::vector<std::int64_t>{0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT_TRUE(std::ranges::equal(held_out.images[0], before.images[4]));
  EXPECT_TRUE(std::ranges::equal(held_out.images[1], before.images[9]));
  EXPECT_TRUE(std::ranges::equal(dataset.images[4], before.images[5]));
  EXPECT_EQ(dataset.images.pixels.size() + held_out.images.pixels.size(),
            before.images.pixels.size());
}

class TrainingDataTest : public ::testing::Test {
 protected:
  TrainingDataTest() { write_tiny_data(data_); }

  TrainingData load(const Validation& validation) const {
    TrainConfig config = tiny_config();
    config.data.validation = validation;
    return load_training_data(data_, config);
  }
  /// One picture as an idx file.
  static void write_one(const fs::path& file) {
    std::vector<std::uint8_t> bytes{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 8};
    bytes.insert(bytes.end(), 64, 100);
    test::write_bytes(file, bytes);
  }

  test::TemporaryFolder temporary_;
  fs::path data_ = temporary_.path() / "data";
};

TEST_F(TrainingDataTest, HoldsNothingOutUnlessToldTo) {
  const TrainingData data = load({});
  EXPECT_EQ(data.training.images.count, 10);
  EXPECT_FALSE(data.held_out);
}

TEST_F(TrainingDataTest, TakesAShareASplitOrAFolder) {
  const TrainingData share = load({.share = 0.3});
  EXPECT_EQ(share.training.images.count, 7);
  EXPECT_EQ(share.held_out->images.count, 3);

  write_one(data_ / "t10k-images-idx3-ubyte");
  const TrainingData split = load({.source = "test"});
  EXPECT_EQ(split.training.images.count, 10);
  EXPECT_EQ(split.held_out->images.count, 1);

  write_one(temporary_.path() / "other" / "t10k-images-idx3-ubyte");
  EXPECT_EQ(load({.source = (temporary_.path() / "other").string()}).held_out->images.count, 1);
}

// By their names: another folder need not have all classes.
TEST_F(TrainingDataTest, HeldOutClassesAreThoseOfTheTrainingPictures) {
  const auto picture = [&](const std::string& name, std::uint8_t value) {
    const fs::path file = temporary_.path() / name;
    fs::create_directories(file.parent_path());
    io::write_png(file, {8, 8, 1, std::vector<std::uint8_t>(64, value)});
  };
  for (const char* name : {"ours/ant/1.png", "ours/bee/2.png", "ours/cat/3.png"}) picture(name, 1);
  picture("theirs/cat/1.png", 2);
  picture("theirs/bee/1.png", 3);
  TrainConfig config = tiny_config();
  config.model.class_embed_type = ClassEmbedType::lookup;
  config.data.validation.source = (temporary_.path() / "theirs").string();
  const auto held_out = [&] {
    return *load_training_data(temporary_.path() / "ours", config).held_out;
  };
  EXPECT_EQ(held_out().labels, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(held_out().report.classes.size(), 3U);
  picture("theirs/dog/1.png", 4);
  expect_error(ErrorCode::user,
               "data.validation: the network has no class dog; its classes are ant, bee, cat",
               held_out);
}

TEST_F(TrainingDataTest, SaysHowManyAreTrainedOnAsWell) {
  const fs::path other = temporary_.path() / "other" / "t10k-images-idx3-ubyte";
  const data::Images images = tiny_images(10);
  const auto notices = [&](const std::vector<int>& shared, int num_new) {
    const auto count = static_cast<std::uint8_t>(shared.size() + static_cast<std::size_t>(num_new));
    std::vector<std::uint8_t> bytes{0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 8, 0, 0, 0, 8};
    for (const int index : shared)
      bytes.insert(bytes.end(), images[index].begin(), images[index].end());
    bytes.insert(bytes.end(), static_cast<std::size_t>(num_new) * 64, 7);
    test::write_bytes(other, bytes);
    return load({.source = other.parent_path().string()}).held_out->report.notices;
  };
  EXPECT_THAT(notices({1, 3, 3}, 2),
              testing::ElementsAre("3 of 5 held-out pictures are training pictures as well: their "
                                   "loss says nothing about new pictures"));
  EXPECT_THAT(notices({9}, 1),
              testing::ElementsAre("1 of 2 held-out pictures is a training picture as well: its "
                                   "loss says nothing about new pictures"));
  EXPECT_THAT(notices({}, 2), testing::IsEmpty());
}

TEST_F(TrainingDataTest, FindsThemAmongBytesWhereTheyAreFloats) {
  const data::Images images = tiny_images(10);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 8, 8), }";
  header.resize(117, ' ');
  std::string file = "\x93NUMPY" + std::string("\x01\x00\x76\x00", 4) + header + "\n";
  const auto add = [&](float value) {
    file.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  for (const std::uint8_t pixel : images[3]) add(static_cast<float>(pixel) / 255.0F);
  for (int i = 0; i < 64; ++i) add(0.5F);
  test::write_text(temporary_.path() / "floats.npy", file);
  const data::Dataset held_out =
      *load({.source = (temporary_.path() / "floats.npy").string()}).held_out;
  ASSERT_FALSE(held_out.images.has_bytes());
  EXPECT_THAT(held_out.report.notices,
              testing::ElementsAre(testing::HasSubstr("1 of 2 held-out pictures")));
}

TEST_F(TrainingDataTest, ErrorsNameTheHeldOutPictures) {
  const fs::path broken = temporary_.path() / "broken";
  fs::create_directories(broken);
  test::write_text(broken / "a.png", "no picture");
  expect_error(ErrorCode::corrupt, "data.validation: ", [&] { load({.source = broken.string()}); });
  expect_error(ErrorCode::user, "data.validation: no images in", [&] { load({.source = "test"}); });
  expect_error(ErrorCode::io, "data.validation: /nowhere: no such file or folder",
               [&] { load({.source = "/nowhere"}); });
}

// A set may be sorted by class.
TEST(ValidationLoss, IsThatOfEvenlySpacedImages) {
  data::Dataset spaced = tiny_dataset(10);
  spaced.images.count = 2;
  for (int i = 0; i < 64; ++i)
    spaced.images.pixels[static_cast<std::size_t>(64 + i)] =
        spaced.images[5][static_cast<std::size_t>(i)];
  const data::Dataset all = tiny_dataset(10);
  Trainer trainer(tiny_config(), make_device(DeviceKind::cpu), all);
  EXPECT_EQ(trainer.validation_loss(all, 2), trainer.validation_loss(spaced, 2));
}

TEST_F(TrainingDataTest, RefusesWhatWouldMeasureOnTrainingPictures) {
  expect_error(ErrorCode::user, "0.05 of 10 images is less than one",
               [&] { load({.share = 0.05}); });
  expect_error(ErrorCode::user, "the split that is trained on", [&] { load({.source = "train"}); });
  expect_error(ErrorCode::user, "for the test split", [&] { load({.source = "test"}); });
  fs::copy(data_ / "train-images-idx3-ubyte", data_ / "t10k-images-idx3-ubyte");
  expect_error(ErrorCode::user, "has no \"test\" split of its own",
               [&] { load({.source = "test"}); });
  expect_error(ErrorCode::user, "holds the training pictures",
               [&] { load({.source = data_.string()}); });
}

}  // namespace
}  // namespace ddim::engine::train
