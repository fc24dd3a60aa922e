#include "data/dataset.h"

#include "data/image_folder.h"
#include "data/labels.h"
#include "io/picture.h"
#include "io/png.h"
#include "tests/data/write_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::data {
namespace {

using test::expect_error;
using test::TemporaryFolder;
using test::write_bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::uint8_t> idx_of_one_pixel(std::uint8_t value) {
  return {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, value};
}

void write_png(const std::filesystem::path& path, std::int64_t side, std::int64_t channels,
               std::uint8_t value) {
  std::filesystem::create_directories(path.parent_path());
  Image image{.width = side, .height = side, .channels = channels, .pixels = {}};
  image.pixels.assign(image.num_samples(), value);
  io::write_png(path, image);
}

TEST(Dataset, FindsIdxFilesOfBothSplits) {
  const TemporaryFolder dir;
  write_bytes(dir.path() / "train-images-idx3-ubyte", idx_of_one_pixel(1));
  write_bytes(dir.path() / "t10k-images-idx3-ubyte", idx_of_one_pixel(2));
  const Dataset train = load_dataset(dir.path(), {.split = DataSplit::train});
  EXPECT_EQ(train.kind, "idx");
  EXPECT_THAT(train.images.pixels, ElementsAre(1));
  EXPECT_THAT(load_dataset(dir.path(), {.split = DataSplit::test}).images.pixels, ElementsAre(2));
}

TEST(Dataset, NamesADamagedFile) {
  const TemporaryFolder dir;
  write_bytes(dir.path() / "train-images-idx3-ubyte.gz", idx_of_one_pixel(1));  // not gzip
  expect_error(ErrorCode::corrupt, (dir.path() / "train-images-idx3-ubyte.gz").string(),
               [&] { load_dataset(dir.path(), {}); });
}

TEST(Dataset, SaysWhatItLookedFor) {
  const TemporaryFolder dir;
  write_bytes(dir.path() / "notes.txt", {});
  expect_error(ErrorCode::user,
               "data: no images in " + dir.path().string() +
                   " for the train split: looked for train-images-idx3-ubyte[.gz], "
                   "data_batch_*.bin, *.png, *.jpg, *.jpeg",
               [&] { load_dataset(dir.path(), {}); });
  expect_error(ErrorCode::user, "t10k-images-idx3-ubyte",
               [&] { load_dataset(dir.path(), {.split = DataSplit::test}); });
  expect_error(ErrorCode::user, "missing is neither a folder nor an .npz file",
               [&] { load_dataset(dir.path() / "missing", {}); });
}

TEST(Dataset, TellsHowToUnpackCifar10) {
  const TemporaryFolder dir;
  write_bytes(dir.path() / "data_batch_1.bin.xz", {});
  expect_error(ErrorCode::user, "xz -dk", [&] { load_dataset(dir.path(), {}); });
}

TEST(Dataset, NamesAMissingCifar10File) {
  const TemporaryFolder dir;
  write_bytes(dir.path() / "data_batch_2.bin", {});
  expect_error(ErrorCode::user, "data_batch_1.bin: missing", [&] { load_dataset(dir.path(), {}); });
}

TEST(Dataset, ReadsAFolderSortedByName) {
  const TemporaryFolder dir;
  write_png(dir.path() / "b.PNG", 2, 1, 2);
  write_png(dir.path() / "a" / "z.png", 2, 1, 1);
  write_png(dir.path() / "c.png", 2, 1, 3);
  const Dataset dataset = load_dataset(dir.path(), {});
  EXPECT_EQ(dataset.kind, "folder");
  ASSERT_EQ(dataset.images.count, 3);
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(dataset.images[i][0], i + 1);
}

TEST(Dataset, PrefersTheSubFolderOfTheSplit) {
  const TemporaryFolder dir;
  write_png(dir.path() / "train" / "a.png", 1, 1, 1);
  write_png(dir.path() / "test" / "a.png", 1, 1, 2);
  EXPECT_THAT(load_dataset(dir.path(), {.split = DataSplit::train}).images.pixels, ElementsAre(1));
  EXPECT_THAT(load_dataset(dir.path(), {.split = DataSplit::test}).images.pixels, ElementsAre(2));
}

TEST(Dataset, ConvertsChannels) {
  const TemporaryFolder dir;
  write_png(dir.path() / "a.png", 1, 1, 7);
  write_png(dir.path() / "b.png", 1, 3, 8);
  EXPECT_THAT(load_dataset(dir.path(), {.channels = 3}).images.pixels,
              ElementsAre(7, 7, 7, 8, 8, 8));
  EXPECT_THAT(load_dataset(dir.path(), {.channels = 1}).images.pixels, ElementsAre(7, 8));

  const TemporaryFolder idx;
  write_bytes(idx.path() / "train-images-idx3-ubyte", idx_of_one_pixel(9));
  EXPECT_THAT(load_dataset(idx.path(), {.channels = 3}).images.pixels, ElementsAre(9, 9, 9));
}

TEST(Dataset, FitsFilesOfDifferentSizes) {
  const TemporaryFolder dir;
  write_png(dir.path() / "a.png", 4, 1, 7);
  write_png(dir.path() / "b.png", 2, 1, 8);
  const Dataset dataset =
      load_dataset(dir.path(), {.fit = Fit::crop_resize, .height = 2, .width = 2});
  EXPECT_THAT(dataset.images.pixels, ElementsAre(7, 7, 7, 7, 8, 8, 8, 8));
}

// Nothing is wrong with these files.
TEST(Dataset, FilesThatDoNotFitAreNeverSkipped) {
  const TemporaryFolder dir;
  write_png(dir.path() / "a.png", 4, 1, 7);
  write_png(dir.path() / "b.png", 2, 1, 8);
  write_bytes(dir.path() / "bad.png", idx_of_one_pixel(0));
  for (const bool skips : {false, true}) {
    const auto refused = [&](const char* file, const char* reason, const DatasetOptions& options) {
      expect_error(ErrorCode::user, (dir.path() / file).string() + reason,
                   [&] { load_dataset(dir.path(), options); });
    };
    refused("b.png", ": 2x2, but the images before it are 4x4", {.skip_corrupt = skips});
    refused("b.png", ": images are 2x2, not 4x4", {.height = 4, .width = 4, .skip_corrupt = skips});
    refused("a.png", ": images are 4x4, too large to be padded to 3x3",
            {.fit = Fit::pad, .height = 3, .width = 3, .skip_corrupt = skips});
  }
}

// A border where none is larger, else all are cropped and resized.
TEST(Dataset, FitsByItselfWhereNothingIsSaid) {
  const TemporaryFolder dir;
  const auto load = [&](std::int64_t size) {
    return load_dataset(dir.path(), {.fit = {}, .height = size, .width = size});
  };
  write_png(dir.path() / "a.png", 2, 1, 7);
  EXPECT_EQ(load(2).fitted.fit, Fit::none);
  EXPECT_EQ(load(2).fitted.inner_height, 2);
  write_png(dir.path() / "b.png", 4, 1, 8);
  write_png(dir.path() / "c.png", 3, 1, 9);
  const Dataset padded = load(4);
  EXPECT_EQ(padded.fitted.fit, Fit::pad);
  EXPECT_EQ(padded.fitted.inner_height, 2);
  EXPECT_EQ(padded.fitted.inner_width, 2);
  EXPECT_EQ(padded.images[0][0], 0);
  EXPECT_EQ(padded.images[0][5], 7);
  const Dataset resized = load(3);
  EXPECT_EQ(resized.fitted.fit, Fit::crop_resize);
  EXPECT_EQ(resized.fitted.inner_height, 3);
  EXPECT_EQ(resized.images[0][0], 7);

  const TemporaryFolder idx;
  write_bytes(idx.path() / "train-images-idx3-ubyte", idx_of_one_pixel(9));
  const Dataset one = load_dataset(idx.path(), {.fit = {}, .height = 3, .width = 2});
  EXPECT_EQ(one.fitted.fit, Fit::pad);
  EXPECT_EQ(one.fitted.inner_height, 1);
  EXPECT_THAT(one.images.pixels, ElementsAre(0, 0, 9, 0, 0, 0));
}

TEST(Dataset, ReadsNoMoreThanItIsAskedFor) {
  const TemporaryFolder dir;
  write_png(dir.path() / "cat/a.png", 2, 1, 7);
  write_png(dir.path() / "dog/b.png", 2, 1, 8);
  write_png(dir.path() / "dog/c.png", 9, 1, 9);
  write_bytes(dir.path() / "dog/d.png", idx_of_one_pixel(0));
  const Dataset two = load_dataset(dir.path(), {.labels = Labels::read, .max_images = 2});
  EXPECT_EQ(two.images.count, 2);
  EXPECT_THAT(two.labels, ElementsAre(0, 1));
  EXPECT_EQ(two.report.classes.at(1).images, 1);
  EXPECT_THAT(two.report.skipped, ElementsAre());
  EXPECT_EQ(load_dataset(dir.path() / "cat", {.max_images = 5}).images.count, 1);

  const TemporaryFolder idx;
  std::vector<std::uint8_t> bytes = idx_of_one_pixel(5);
  bytes[7] = 2;
  bytes.push_back(6);
  write_bytes(idx.path() / "train-images-idx3-ubyte", bytes);
  EXPECT_THAT(load_dataset(idx.path(), {.max_images = 1}).images.pixels, ElementsAre(5));
  expect_error(ErrorCode::user, "max-images must be at least 1; got 0",
               [&] { load_dataset(idx.path(), {.max_images = 0}); });
}

TEST(Dataset, ListsFilesThatCannotBeRead) {
  const TemporaryFolder dir;
  write_png(dir.path() / "a.png", 1, 1, 7);
  write_bytes(dir.path() / "bad.png", idx_of_one_pixel(0));
  write_bytes(dir.path() / "empty.jpg", {});
  expect_error(ErrorCode::corrupt,
               "2 of 3 image files cannot be used (--skip-corrupt skips them):\n",
               [&] { load_dataset(dir.path(), {}); });
  const Dataset dataset = load_dataset(dir.path(), {.skip_corrupt = true});
  EXPECT_THAT(dataset.images.pixels, ElementsAre(7));
  EXPECT_THAT(dataset.report.skipped, ElementsAre(HasSubstr("bad.png"), HasSubstr("empty.jpg")));

  std::filesystem::remove(dir.path() / "a.png");
  expect_error(ErrorCode::corrupt, "2 of 2 image files cannot be used:\n",
               [&] { load_dataset(dir.path(), {.skip_corrupt = true}); });
}

// A run without it would be another one, and it may be a good picture.
TEST(Dataset, APictureThatCannotBeReadIsNotSkipped) {
  const TemporaryFolder dir;
  write_png(dir.path() / "a.png", 1, 1, 7);
  const std::filesystem::path loop = dir.path() / "b.png";
  std::filesystem::create_symlink("b.png", loop);
  for (const bool skip : {false, true}) {
    expect_error(ErrorCode::io, "cannot read " + loop.string(), [&] {
      load_image_files(dir.path(), {dir.path() / "a.png", loop}, {.skip_corrupt = skip});
    });
  }
}

TEST(Dataset, FingerprintChangesWithPixelsAndShape) {
  const Images images{
      .count = 1, .height = 2, .width = 3, .channels = 1, .pixels = {1, 2, 3, 4, 5, 6}};
  Images turned = images, changed = images;
  std::swap(turned.height, turned.width);
  changed.pixels[5] = 7;
  const std::uint32_t plain = fingerprint({.images = images, .kind = ""});
  EXPECT_NE(plain, fingerprint({.images = turned, .kind = ""}));
  EXPECT_NE(plain, fingerprint({.images = changed, .kind = ""}));
  EXPECT_NE(plain, fingerprint({.images = images, .labels = {0}, .kind = ""}));
  EXPECT_NE(fingerprint({.images = images, .labels = {1}, .kind = ""}),
            fingerprint({.images = images, .labels = {0}, .kind = ""}));
  EXPECT_EQ(plain, fingerprint({.images = images, .kind = "folder"}));
}

TEST(Dataset, FingerprintChangesWithFloats) {
  const Images images{
      .count = 1, .height = 1, .width = 3, .channels = 1, .values = {-1.0F, 0.5F, 1.0F}};
  Images changed = images;
  changed.values[1] = 0.25F;
  const std::uint32_t plain = fingerprint({.images = images, .kind = ""});
  EXPECT_EQ(plain, fingerprint({.images = images, .kind = "npz"}));
  EXPECT_NE(plain, fingerprint({.images = changed, .kind = ""}));
}

// All of 16 bits are kept; where others have 8, all become floats.
TEST(Dataset, SixteenBitPicturesKeepTheirValues) {
  const TemporaryFolder dir;
  const std::filesystem::path stored = "tests/io/pictures/png_plain-0.png";  // 17x16, grey
  std::filesystem::copy_file(stored, dir / "a.png");
  const auto deep = std::get<io::DeepImage>(io::read_picture(stored).image);
  const Images alone = load_dataset(dir.path(), {}).images;
  ASSERT_EQ(alone.values.size(), deep.pixels.size());
  for (std::size_t i = 0; i < deep.pixels.size(); ++i)
    EXPECT_FLOAT_EQ(alone.values[i], static_cast<float>(deep.pixels[i] / 32767.5 - 1.0));
  io::write_png(
      dir / "b.png",
      {.width = 17, .height = 16, .channels = 1, .pixels = std::vector<std::uint8_t>(17 * 16, 51)});
  const Images both = load_dataset(dir.path(), {}).images;
  EXPECT_EQ(both.count, 2);
  ASSERT_EQ(both.values.size(), 2 * deep.pixels.size());
  EXPECT_EQ(both.values.front(), alone.values.front());
  EXPECT_NEAR(both.values.back(), -0.6, 1e-6);
}

TEST(Labels, StandBesideIdxImages) {
  const TemporaryFolder dir;
  write_bytes(dir.path() / "t10k-images-idx3-ubyte", idx_of_one_pixel(1));
  const DatasetOptions options{.split = DataSplit::test, .labels = Labels::read};
  expect_error(ErrorCode::user, "has no labels: looked for t10k-labels-idx1-ubyte[.gz]",
               [&] { load_dataset(dir.path(), options); });
  write_bytes(dir.path() / "t10k-labels-idx1-ubyte",
              std::vector<std::uint8_t>{0, 0, 8, 1, 0, 0, 0, 1, 7});
  EXPECT_THAT(load_dataset(dir.path(), options).labels, ElementsAre(7));
  EXPECT_THAT(load_dataset(dir.path(), {.split = DataSplit::test}).labels, ElementsAre());
  write_bytes(dir.path() / "t10k-labels-idx1-ubyte",
              std::vector<std::uint8_t>{0, 0, 8, 1, 0, 0, 0, 2, 7, 7});
  expect_error(ErrorCode::corrupt, "t10k-labels-idx1-ubyte: 2 labels for 1 images",
               [&] { load_dataset(dir.path(), options); });
}

TEST(Labels, OfADamagedFileAreRefused) {
  const std::vector<std::uint8_t> good{0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 4};
  EXPECT_THAT(parse_idx_labels(good, "f"), ElementsAre(9, 0, 4));
  for (std::size_t size = 0; size < good.size(); ++size)
    expect_error(ErrorCode::corrupt, "labels.gz: ", [&] {
      parse_idx_labels(std::span(good).first(size), "labels.gz");
    });
  std::vector<std::uint8_t> bad = good;
  bad[3] = 3;
  expect_error(ErrorCode::corrupt, "f: the first four bytes must be 0 0 8 1",
               [&] { parse_idx_labels(bad, "f"); });
  bad = good;
  bad[4] = 0xFF;
  expect_error(ErrorCode::corrupt, "announces 4278190083 labels, found 3",
               [&] { parse_idx_labels(bad, "f"); });
}

TEST(Labels, AreThePlacesOfSubFolders) {
  const TemporaryFolder dir;
  write_png(dir.path() / "train/dog/b.png", 2, 1, 20);
  write_png(dir.path() / "train/cat/x/a.png", 2, 1, 10);
  write_bytes(dir.path() / "train/cat/bad.png", {});
  const DatasetOptions options{.skip_corrupt = true, .labels = Labels::read};
  const Dataset dataset = load_dataset(dir.path(), options);
  EXPECT_THAT(dataset.labels, ElementsAre(0, 1));
  EXPECT_EQ(dataset.images[0][0], 10);
  EXPECT_EQ(dataset.report.skipped.size(), 1U);
  write_png(dir.path() / "train/c.png", 2, 1, 30);
  expect_error(ErrorCode::user, "c.png: not in a sub-folder",
               [&] { load_dataset(dir.path(), options); });
}

}  // namespace
}  // namespace ddim::engine::data
