#include "data/npz_set.h"

#include <limits>
#include <span>
#include <vector>

#include "base/file_output.h"
#include "io/npz.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::data {
namespace {

using test::expect_error;
using ::testing::ElementsAre;

class NpzSet : public ::testing::Test {
 protected:
  /// Two pictures of 2 x 3 pixels with 5 channels, and what else a case wants.
  std::filesystem::path file(std::vector<io::NpzArray> more = {}) {
    more.insert(more.begin(), {.name = "arr_0",
                               .type = "|u1",
                               .shape = {2, 2, 3, 5},
                               .bytes = std::as_bytes(std::span(pixels_))});
    return write(std::move(more));
  }
  std::filesystem::path write(std::vector<io::NpzArray> arrays) {
    write_file_durably(folder_ / "set.npz", io::npz_content(std::move(arrays)), Overwrite::allow);
    return folder_ / "set.npz";
  }
  /// What is read of a grey picture of one row.
  template <class Sample>
  std::vector<float> values_of_a_row(const std::string& type, const std::vector<Sample>& samples) {
    return load_npz(write({{.name = "x",
                            .type = type,
                            .shape = {1, 1, std::ssize(samples)},
                            .bytes = std::as_bytes(std::span(samples))}}),
                    Labels::ignore)
        .images.values;
  }
  io::NpzArray labels() const {
    return {.name = "arr_1",
            .type = "<i8",
            .shape = {std::ssize(labels_)},
            .bytes = std::as_bytes(std::span(labels_))};
  }

  test::TemporaryFolder folder_;
  std::vector<std::uint8_t> pixels_ = [] {
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < 2 * 2 * 3 * 5; ++i) pixels.push_back(static_cast<std::uint8_t>(4 * i));
    return pixels;
  }();
  std::vector<std::int64_t> labels_ = {3, 1};
};

TEST_F(NpzSet, HoldsPicturesOfAnyChannelsAndTheirClasses) {
  const Dataset dataset = load_dataset(file({labels()}), {.channels = 5, .labels = Labels::read});
  EXPECT_EQ(dataset.kind, "npz");
  EXPECT_EQ(dataset.images.count, 2);
  EXPECT_EQ(dataset.images.height, 2);
  EXPECT_EQ(dataset.images.width, 3);
  EXPECT_EQ(dataset.images.channels, 5);
  EXPECT_EQ(dataset.images.pixels, pixels_);
  EXPECT_THAT(dataset.labels, ElementsAre(3, 1));
  EXPECT_THAT(load_dataset(file({labels()}), {}).labels, ElementsAre());
}

TEST_F(NpzSet, LaysAlphaOverTheBackground) {
  const std::vector<std::uint8_t> pixels = {10, 20, 30, 0, 10, 20, 30, 255, 10, 20, 30, 51};
  io::NpzArray array{
      .name = "x", .type = "|u1", .shape = {1, 1, 3, 4}, .bytes = std::as_bytes(std::span(pixels))};
  const Images white = load_dataset(write({array}), {.channels = 3}).images;
  EXPECT_EQ(white.channels, 3);
  EXPECT_THAT(white.pixels, ElementsAre(255, 255, 255, 10, 20, 30, 206, 208, 210));
  const DatasetOptions over_colour{.channels = 3, .background = {100, 0, 200}};
  EXPECT_THAT(load_dataset(write({array}), over_colour).images.pixels,
              ElementsAre(100, 0, 200, 10, 20, 30, 82, 4, 166));
  EXPECT_EQ(load_dataset(write({array}), {.channels = 4}).images.pixels, pixels);
  expect_error(ErrorCode::user, {"4 channels", "takes 1"},
               [&] { load_dataset(write({array}), {.channels = 1}); });

  std::vector<float> values(pixels.begin(), pixels.end());
  array.type = "<f4";
  array.bytes = std::as_bytes(std::span(values));
  const Images same = load_dataset(write({array}), over_colour).images;
  ASSERT_EQ(same.values.size(), 9U);
  EXPECT_NEAR(same.values[0], 100.0 / 127.5 - 1.0, 1e-6);
  EXPECT_NEAR(same.values[3], 10.0 / 127.5 - 1.0, 1e-6);
  EXPECT_NEAR(same.values[8], 166.0 / 127.5 - 1.0, 1e-6);
}

TEST_F(NpzSet, LaysGreyWithAlphaOverTheBackground) {
  const std::vector<std::uint8_t> pixels = {10, 0, 10, 255, 10, 51};
  const io::NpzArray array{
      .name = "x", .type = "|u1", .shape = {1, 1, 3, 2}, .bytes = std::as_bytes(std::span(pixels))};
  EXPECT_THAT(load_dataset(write({array}), {.channels = 1}).images.pixels,
              ElementsAre(255, 10, 206));
  EXPECT_THAT(load_dataset(write({array}), {.channels = 3}).images.pixels,
              ElementsAre(255, 255, 255, 10, 10, 10, 206, 206, 206));
}

TEST_F(NpzSet, IsMadeToFit) {
  const Dataset dataset = load_dataset(file(), {.fit = Fit::pad, .height = 2, .width = 4});
  EXPECT_EQ(dataset.images.width, 4);
  EXPECT_EQ(dataset.images[0][14], pixels_[14]);
  EXPECT_EQ(dataset.images[0][15], 0);
  expect_error(ErrorCode::user, "set.npz: images are 3x2, not 4x2",
               [&] { load_dataset(file(), {.height = 2, .width = 4}); });
}

TEST_F(NpzSet, SaysWhatIsMissing) {
  expect_error(ErrorCode::user, "has no labels: looked for an array arr_1",
               [&] { load_npz(file(), Labels::read); });
  expect_error(ErrorCode::corrupt, "no array of bytes [N,H,W,C]",
               [&] { load_npz(write({labels()}), Labels::ignore); });
  labels_ = {1, 2, 3};
  expect_error(ErrorCode::corrupt, "arr_1 must hold the class of each of the 2 pictures",
               [&] { load_npz(file({labels()}), Labels::read); });
  labels_ = {1, -2};
  expect_error(ErrorCode::corrupt, "arr_1 holds the class -2",
               [&] { load_npz(file({labels()}), Labels::read); });
  expect_error(ErrorCode::corrupt, "array arr_0 is empty", [&] {
    load_npz(write({{.name = "arr_0", .type = "|u1", .shape = {0, 2, 2, 1}, .bytes = {}}}),
             Labels::ignore);
  });
}

TEST_F(NpzSet, ReadsOtherNamesTypesAndShapes) {
  const std::vector<float> unit{0.0F, 0.25F, 0.5F, 1.0F};
  const std::vector<double> both{-1.0, -0.5, 0.5, 1.0};
  const std::vector<float> bytes{0.0F, 51.0F, 204.0F, 255.0F};
  const std::vector<std::uint16_t> deep{0, 13107, 52428, 65535};
  const std::vector<std::int32_t> classes{7, 2};
  const auto load = [&](const char* name, const char* type, auto& samples) {
    return load_npz(write({{.name = name,
                            .type = type,
                            .shape = {2, 1, 2},
                            .bytes = std::as_bytes(std::span(samples))},
                           {.name = "labels",
                            .type = "<i4",
                            .shape = {2, 1},
                            .bytes = std::as_bytes(std::span(classes))}}),
                    Labels::read);
  };
  const Dataset dataset = load("images", "<f4", unit);
  EXPECT_EQ(dataset.images.channels, 1);
  EXPECT_EQ(dataset.images.values, (std::vector<float>{-1.0F, -0.5F, 0.0F, 1.0F}));
  EXPECT_THAT(dataset.labels, ElementsAre(7, 2));
  EXPECT_EQ(load("x", "<f8", both).images.values, (std::vector<float>{-1.0F, -0.5F, 0.5F, 1.0F}));
  for (const Dataset& same : {load("x", "<f4", bytes), load("x", "<u2", deep)}) {
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(same.images.values[i], (std::vector{-1.0F, -0.6F, 0.6F, 1.0F}[i]), 1e-6F);
  }
  const std::vector<float> far{0.0F, 1000.0F, 0.0F, 0.0F},
      signed_bytes{-128.0F, 0.0F, 1.0F, 127.0F};
  for (const auto& wrong : {far, signed_bytes})
    expect_error(ErrorCode::corrupt, "expected 0 to 1, -1 to 1 or 0 to 255",
                 [&] { load("x", "<f4", wrong); });
}

TEST_F(NpzSet, BytesAreNotTakenForDarkNumbersOf16Bits) {
  const auto load = [&](const std::vector<std::uint16_t>& samples) {
    return values_of_a_row("<u2", samples);
  };
  for (const std::uint16_t largest : {std::uint16_t{1}, std::uint16_t{255}})
    expect_error(ErrorCode::corrupt,
                 {"array x holds 16-bit numbers up to " + std::to_string(largest), "65535 is white",
                  "save array.astype('uint8')"},
                 [&] {
                   load({0, largest});
                 });
  EXPECT_EQ(load({0, 0}).size(), 2U);  // black in any case
  EXPECT_GT(load({0, 256})[1], -1.0F);
}

TEST_F(NpzSet, FloatsMayOvershootByARoundingError) {
  const auto values = [&](const std::vector<float>& samples) {
    return values_of_a_row("<f4", samples);
  };
  EXPECT_THAT(values({0.5F, -1e-7F, 1.0000002F}), ElementsAre(0.0F, -1.0F, 1.0F));
  EXPECT_THAT(values({0.5F, -1.0000002F, 1.0000002F}), ElementsAre(0.5F, -1.0F, 1.0F));
  EXPECT_THAT(values({127.5F, -0.0001F, 255.00002F}), ElementsAre(0.0F, -1.0F, 1.0F));
  EXPECT_THAT(values({-0.47F, -0.2F, 1.0000002F}), ElementsAre(-0.47F, -0.2F, 1.0F));
  // Neither black and white of 0 to 1 nor surely of 0 to 255: digits of 0 to 16, say.
  const auto refused = [&](const std::vector<float>& samples, const char* range) {
    expect_error(ErrorCode::corrupt, {range, "expected 0 to 1, -1 to 1 or 0 to 255"},
                 [&] { values(samples); });
  };
  refused({0.0F, 1.0F, 1.0020001F}, "holds numbers from 0 to 1.00200");
  refused({0.0F, 1.0F, 16.0F}, "holds numbers from 0 to 16;");
  refused({-1.25F, 0.0F, 1.0F}, "holds numbers from -1.25 to 1;");
  refused({-3.0F, 0.0F, 255.0F}, "holds numbers from -3 to 255;");
}

TEST_F(NpzSet, ThreeAxesAreGreyPicturesOrOneInColour) {
  const std::vector<std::uint8_t> samples(6 * 5 * 4, 7);
  const auto load = [&](std::vector<std::int64_t> shape) {
    return load_npz(write({{.name = "x",
                            .type = "|u1",
                            .shape = std::move(shape),
                            .bytes = std::as_bytes(std::span(samples))}}),
                    Labels::ignore)
        .images;
  };
  const Images colour = load({6, 5, 4});
  EXPECT_EQ(colour.count, 1);
  EXPECT_EQ(colour.height, 6);
  EXPECT_EQ(colour.width, 5);
  EXPECT_EQ(colour.channels, 4);
  EXPECT_EQ(load({8, 5, 3}).channels, 3);
  for (const auto& shape : {std::vector<std::int64_t>{4, 5, 6}, {3, 8, 5}, {30, 2, 2}, {10, 3, 4}})
    EXPECT_EQ(load(shape).count, shape[0]);
}

TEST_F(NpzSet, ClassesAreWholeNumbersOfAnyType) {
  const auto load = [&](const char* type, const auto& classes) {
    return load_npz(file({{.name = "y",
                           .type = type,
                           .shape = {2},
                           .bytes = std::as_bytes(std::span(classes))}}),
                    Labels::read)
        .labels;
  };
  EXPECT_THAT(load("|u1", std::vector<std::uint8_t>{255, 0}), ElementsAre(255, 0));
  EXPECT_THAT(load("|i1", std::vector<std::int8_t>{127, 0}), ElementsAre(127, 0));
  EXPECT_THAT(load("<u2", std::vector<std::uint16_t>{65535, 0}), ElementsAre(65535, 0));
  EXPECT_THAT(load("<i2", std::vector<std::int16_t>{32767, 0}), ElementsAre(32767, 0));
  EXPECT_THAT(load("<u4", std::vector<std::uint32_t>{4294967295, 0}), ElementsAre(4294967295, 0));
  EXPECT_THAT(load("<i4", std::vector<std::int32_t>{70000, 0}), ElementsAre(70000, 0));
  EXPECT_THAT(load("<u8", std::vector<std::uint64_t>{5'000'000'000, 0}),
              ElementsAre(5'000'000'000, 0));
  EXPECT_THAT(load("<i8", std::vector<std::int64_t>{5'000'000'000, 0}),
              ElementsAre(5'000'000'000, 0));
  for (const char* type : {"|i1", "<i2", "<i4", "<i8"}) {
    const std::vector<std::byte> minus_ones(2 * static_cast<std::size_t>(type[2] - '0'),
                                            std::byte{0xFF});
    expect_error(ErrorCode::corrupt, "holds the class -1", [&] { load(type, minus_ones); });
  }
  // More than the largest class is no class either.
  expect_error(ErrorCode::corrupt, "holds the class -1", [&] {
    load("<u8", std::vector<std::uint64_t>{~std::uint64_t{0}, 0});
  });
  expect_error(ErrorCode::corrupt, "must hold the class of each of the 2 pictures", [&] {
    load("<f4", std::vector<float>{1.0F, 2.0F});
  });
}

TEST_F(NpzSet, SaysWhichArraysAreNoPictures) {
  const auto load = [&](std::vector<io::NpzArray> arrays) {
    load_npz(write(std::move(arrays)), Labels::ignore);
  };
  const std::vector<float> floats{0.0F, std::numeric_limits<float>::quiet_NaN(), 0.0F, 1.0F};
  const std::span<const std::byte> bytes = std::as_bytes(std::span(floats));
  expect_error(ErrorCode::corrupt, "a and b both hold pictures", [&] {
    load({{.name = "a", .type = "|u1", .shape = {2, 2, 4}, .bytes = bytes},
          {.name = "b", .type = "<u2", .shape = {2, 2, 2}, .bytes = bytes}});
  });
  expect_error(ErrorCode::corrupt, "array a is of type <i4; pictures are |u1 (bytes)", [&] {
    load({{.name = "a", .type = "<i4", .shape = {2, 1, 2}, .bytes = bytes}});
  });
  expect_error(ErrorCode::corrupt, "array arr_0 holds nan", [&] {
    load({{.name = "arr_0", .type = "<f4", .shape = {1, 2, 2}, .bytes = bytes}});
  });
}

TEST_F(NpzSet, ArraysCanBeSplits) {
  const std::vector<std::uint8_t> train{1, 2}, tests{3};
  const auto array = [](const char* name, const std::vector<std::uint8_t>& bytes) {
    return io::NpzArray{.name = name,
                        .type = "|u1",
                        .shape = {std::ssize(bytes), 1, 1},
                        .bytes = std::as_bytes(std::span(bytes))};
  };
  const std::vector<std::uint8_t> classes{4, 5};
  const auto path = write(
      {array("x_train", train),
       {.name = "y_train", .type = "|u1", .shape = {2}, .bytes = std::as_bytes(std::span(classes))},
       array("x_test", tests)});
  EXPECT_THAT(load_dataset(path, {.labels = Labels::read}).labels, ElementsAre(4, 5));
  EXPECT_THAT(load_dataset(path, {.split = std::nullopt}).images.pixels, ElementsAre(3));
  expect_error(ErrorCode::user, "has no val split",
               [&] { load_dataset(path, {.split = DataSplit::val}); });
  expect_error(ErrorCode::user, "has no test split; it is not split",
               [&] { load_dataset(file(), {.split = DataSplit::test}); });
  EXPECT_EQ(load_dataset(file(), {.split = std::nullopt}).images.count, 2);
}

TEST_F(NpzSet, ReadsOneArray) {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 2), }";
  header.resize(117, ' ');
  std::string npy("\x93NUMPY\1\0\x76\0", 10);
  npy += header + "\n" + std::string("\1\2\3\4");
  test::write_text(folder_ / "set.npy", npy);
  const Dataset dataset = load_dataset(folder_ / "set.npy", {});
  EXPECT_EQ(dataset.kind, "npy");
  EXPECT_EQ(dataset.images.width, 2);
  EXPECT_THAT(dataset.images.pixels, ElementsAre(1, 2, 3, 4));
  // Bytes have no order; endings may be written in capitals.
  for (const char* type : {"<u1", ">u1", "=u1"}) {
    std::string other = npy;
    other.replace(other.find("|u1"), 3, type);
    test::write_text(folder_ / "OTHER.NPY", other);
    EXPECT_THAT(load_dataset(folder_ / "OTHER.NPY", {}).images.pixels, ElementsAre(1, 2, 3, 4))
        << type;
  }
  for (std::size_t size = 0; size < npy.size(); size += 3) {
    test::write_text(folder_ / "cut.npy", npy.substr(0, size));
    expect_error(ErrorCode::corrupt, "cut.npy", [&] { load_dataset(folder_ / "cut.npy", {}); });
  }
}

// The files are NumPy's (tools/make_npz_fixtures.py).
TEST(NpzOfNumPy, CompressedArraysAndHalvesAreRead) {
  const std::filesystem::path folder = "tests/data/arrays";
  const Dataset bytes = load_npz(folder / "compressed.npz", Labels::read);
  EXPECT_THAT(bytes.images.pixels,
              ElementsAre(0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220));
  EXPECT_THAT(bytes.labels, ElementsAre(3, 1));
  const Dataset many = load_npz(folder / "compressed_many.npz", Labels::read);
  EXPECT_EQ(many.images.height, 60);
  EXPECT_EQ(many.images.width, 90);
  EXPECT_EQ(many.images.channels, 3);
  EXPECT_EQ(many.images[1].front(), 120);
  EXPECT_EQ(many.images[1].back(), 220);
  EXPECT_THAT(many.labels, ElementsAre(3, 1));
  const Dataset halves = load_npz(folder / "compressed_halves.npz", Labels::read);
  const Dataset one = load_npz(folder / "halves.npy", Labels::ignore);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_NEAR(halves.images.values[i], static_cast<double>(i) / 6.0 - 1.0, 1e-3);
    EXPECT_NEAR(one.images.values[i], static_cast<double>(i) / 8.0 - 0.75, 1e-3);
  }
}

TEST_F(NpzSet, ArraysThatNeedAnotherTypeOrOrderSaySo) {
  const std::vector<std::uint8_t> samples(2 * 3 * 5 * 5);
  const auto refused = [&](const char* type, std::vector<std::int64_t> shape, const char* message) {
    expect_error(ErrorCode::corrupt, message, [&] {
      load_npz(write({{.name = "x",
                       .type = type,
                       .shape = std::move(shape),
                       .bytes = std::as_bytes(std::span(samples))}}),
               Labels::ignore);
    });
  };
  refused("|u1", {2, 3, 5, 5}, "array x is [2,3,5,5], which looks like [N,C,H,W]");
  refused("|u1", {1, 3, 5, 10}, "array x is [1,3,5,10], which looks like [N,C,H,W]");
  refused("|i1", {2, 5, 5, 3}, "array x is of type |i1; pictures are |u1");
  refused("<i2", {3, 5, 5}, "array x is of type <i2");
}

TEST_F(NpzSet, AnArrayOfTwoAxesIsOneGreyPicture) {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }";
  header.resize(117, ' ');
  test::write_text(folder_ / "one.npy",
                   std::string("\x93NUMPY\1\0\x76\0", 10) + header + "\n\1\2\3\4\5\6");
  const Dataset dataset = load_dataset(folder_ / "one.npy", {.channels = 3});
  EXPECT_EQ(dataset.images.count, 1);
  EXPECT_EQ(dataset.images.width, 3);
  EXPECT_EQ(dataset.images.channels, 3);
  EXPECT_EQ(dataset.images.pixels[3], 2);
}

// MedMNIST's names; texts and objects beside the pictures.
TEST(NpzOfNumPy, ArraysOfOtherKindsHinderNobody) {
  const std::filesystem::path path = "tests/data/arrays/splits.npz";
  EXPECT_THAT(load_dataset(path, {.labels = Labels::read}).labels, ElementsAre(3, 1));
  EXPECT_THAT(load_dataset(path, {.split = DataSplit::test}).images.pixels,
              ElementsAre(120, 140, 160, 180, 200, 220));
  const std::filesystem::path texts = "tests/data/arrays/texts.npz";
  EXPECT_EQ(load_npz(texts, Labels::ignore).images.count, 2);
  expect_error(ErrorCode::corrupt, "texts.npz: array y: its type is <U3",
               [&] { load_npz(texts, Labels::read); });
}

TEST(NpzOfNumPy, BooleansAreBlackAndWhite) {
  EXPECT_THAT(load_npz("tests/data/arrays/booleans.npz", Labels::ignore).images.pixels,
              ElementsAre(255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0));
}

TEST(NpzOfNumPy, OthersAreRefusedByName) {
  for (const auto& [name, message] :
       {std::pair("big_endian.npy",
                  "its type is >f4 (of a big-endian machine); save array.astype('<f4')"),
        {"fortran.npy", "it is not in C order"},
        {"objects.npy", "its type is |O"},
        {"fields.npy", "it is a structured array"},
        {"complex.npy", "its type is <c8"}}) {
    expect_error(ErrorCode::corrupt, std::vector<std::string>{name, message}, [&name = name] {
      load_npz(std::filesystem::path("tests/data/arrays") / name, Labels::ignore);
    });
  }
}

}  // namespace
}  // namespace ddim::engine::data
