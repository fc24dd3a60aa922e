#include "io/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "io/exif.h"
#include "io/gif.h"
#include "io/picture_kind.h"
#include "io/tiff.h"
#include "io/webp.h"
#include "tests/io/pictures_like_pillow.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using ddim::test::read_text;
using test::bytes_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

std::string little_endian(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

/// The pictures of tests/io/pictures that this build reads.
std::vector<fs::path> stored_pictures() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator("tests/io/pictures"))
    if (entry.path().extension() != ".expected") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

TEST(Picture, EveryStoredOneLooksAsInPillow) {
  if (!has_webp() || !has_gif() || !has_tiff()) GTEST_SKIP() << "a library was left out";
  EXPECT_EQ(test::expect_all_look_as_in_pillow("tests/io/pictures"), 72);
}

TEST(Picture, TheContentTellsTheKind) {
  const ddim::test::TemporaryFolder folder;
  for (const fs::path& path : stored_pictures()) {
    const PictureKind kind = picture_start(bytes_of(read_text(path))).kind;
    EXPECT_NE(kind, PictureKind::none) << path;
    if (kind == PictureKind::other) continue;  // built without its library
    const fs::path misnamed = folder / (path.extension() == ".jpg" ? "a.png" : "a.jpg");
    fs::copy_file(path, misnamed, fs::copy_options::overwrite_existing);
    EXPECT_EQ(read_picture(misnamed).image, read_picture(path).image) << path;
  }
}

TEST(Picture, WhatFollowsAWebPIsCountedAndNotRead) {
  if (!has_webp()) GTEST_SKIP() << "built without libwebp";
  for (const char* name : {"webp_plain-18.webp", "webp_film-19.webp"}) {
    const std::string file = read_text(fs::path("tests/io/pictures") / name);
    const Picture picture = decode_picture(bytes_of(file), "a.webp");
    EXPECT_EQ(picture.warning, "");
    for (const std::size_t size : {1U, 2U, 100U}) {
      const Picture same = decode_picture(bytes_of(file + std::string(size, 'x')), "a.webp");
      EXPECT_EQ(same.image, picture.image);
      EXPECT_EQ(same.warning, concat(size, " bytes after the end"));
    }
  }
}

TEST(Picture, MayHaveSoManyPixelsAsThoseBeforeItHaveLeft) {
  for (const fs::path& path : stored_pictures()) {
    const std::string file = read_text(path);
    if (picture_start(bytes_of(file)).kind == PictureKind::other) continue;
    const AnyImage image = decode_picture(bytes_of(file), "a").image;
    const std::int64_t size =
        std::visit([](const auto& any) { return any.width * any.height; }, image);
    EXPECT_EQ(decode_picture(bytes_of(file), "a", {.most = size + 5, .used = 5}).image, image);
    expect_error(ErrorCode::corrupt,
                 concat("at most ", size + 4,
                        " pixels are allowed, of which the pictures before "
                        "it have 5"),
                 [&] { decode_picture(bytes_of(file), "a", {.most = size + 4, .used = 5}); });
  }
}

TEST(Picture, SaysWhatItDoesNotRead) {
  using namespace std::string_literals;
  const auto refused = [](const std::string& file, const std::string& reason) {
    expect_error(ErrorCode::corrupt, AllOf(HasSubstr("a.png: "), HasSubstr(reason)),
                 [&] { decode_picture(bytes_of(file), "a.png"); });
  };
  refused("", "empty");
  refused("text, not a picture", "expected PNG, JPEG, WebP, BMP, GIF or TIFF");
  refused(
      "\0\0\0\x1c"
      "ftypavif\0\0\0\0"s,
      "kind avif");
  refused(
      "\0\0\0\x1c"
      "ftypheic\0\0\0\0"s,
      "kind heic");
  refused("P5\n1 1\n255\n\0"s, "kind pnm");
  refused("8BPS\0\1"s, "kind psd");
  refused("<!DOCTYPE html><html>", "HTML page");
  refused("version https://git-lfs.github.com/spec/v1", "git lfs pull");
  refused("BM a letter to Mrs. Smith, who is well", "no picture");
}

TEST(Picture, WhatEndsEarlyOrIsDamagedIsNoCrash) {
  for (const fs::path& path : stored_pictures()) {
    const std::string file = read_text(path);
    const auto read = [&](const std::string& bytes) {
      try {
        std::visit([](const auto& image) { EXPECT_EQ(image.pixels.size(), image.num_samples()); },
                   decode_picture(bytes_of(bytes), "input").image);
        return true;
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("input"));
        return false;
      }
    };
    EXPECT_FALSE(read(file.substr(0, 20))) << path;
    const std::size_t step = 1 + file.size() / 200;
    for (std::size_t size = 0; size < file.size(); size += step) read(file.substr(0, size));
    std::mt19937 random(7);
    for (int i = 0; i < 30; ++i) {
      std::string damaged = file;
      for (int count = 0; count < 3; ++count)
        damaged[random() % std::min<std::size_t>(file.size(), 400)] = static_cast<char>(random());
      // A legal picture of up to 64 million pixels is not what a test should wait for.
      if (damaged.substr(0, 30) == file.substr(0, 30)) read(damaged);
    }
  }
}

// A BMP of one pixel with a header of 56 bytes, which has masks for red, green, blue and alpha.
std::string bmp_with_masks(int bits, const std::vector<std::uint32_t>& masks) {
  std::string bmp = "BM" + little_endian(0, 8) + little_endian(70, 4) + little_endian(56, 4) +
                    little_endian(1, 4) + little_endian(1, 4) + little_endian(1, 2) +
                    little_endian(static_cast<std::uint64_t>(bits), 2) + little_endian(3, 4) +
                    std::string(20, '\0');
  for (const std::uint32_t mask : masks) bmp += little_endian(mask, 4);
  return bmp + little_endian(0x80402010, 4);
}

TEST(Picture, ABmpWithoutMasksOfItsColoursIsRefusedOrAsItIs) {
  const auto decode = [](const std::string& bmp) { return decode_picture(bytes_of(bmp), "input"); };
  EXPECT_THAT(to_bytes(decode(bmp_with_masks(32, {0, 0, 0, 0})).image).pixels,
              ElementsAre(0x40, 0x20, 0x10));
  for (const std::string& bmp :
       {bmp_with_masks(16, {0, 0, 0, 0}), bmp_with_masks(16, {0, 0, 0, 0xF000}),
        bmp_with_masks(32, {0, 0, 0, 0xFF000000})})
    expect_error(ErrorCode::corrupt, "the masks of its colours are empty", [&] { decode(bmp); });
}

TEST(Picture, BombsAreRefusedBeforeTheyAreDecoded) {
  std::string bmp = "BM" + little_endian(0, 8) + little_endian(54, 4) + little_endian(40, 4) +
                    little_endian(60'000, 4) + little_endian(60'000, 4) + little_endian(1, 2) +
                    little_endian(24, 2) + std::string(24, '\0');
  expect_error(ErrorCode::corrupt, HasSubstr("60000x60000"),
               [&] { decode_picture(bytes_of(bmp), "input"); });
  if (has_gif()) {
    const std::string gif = "GIF89a" + little_endian(0xFFFF, 2) + little_endian(0xFFFF, 2) +
                            std::string(3, '\0') + "," + std::string(4, '\0') +
                            little_endian(0xFFFF, 2) + little_endian(0xFFFF, 2) +
                            std::string("\0\2\2\x44\1\0;", 7);
    expect_error(ErrorCode::corrupt, HasSubstr("65535x65535"),
                 [&] { decode_picture(bytes_of(gif), "input"); });
  }
}

TEST(Picture, SixteenBitsAreRoundedToBytes) {
  EXPECT_THAT(to_bytes(DeepImage{4, 1, 1, {0, 385, 386, 65535}}).pixels, ElementsAre(0, 1, 2, 255));
}

TEST(Picture, AlphaIsLaidOverTheBackground) {
  const AnyImage image = Image{3, 1, 4, {200, 100, 0, 255, 200, 100, 0, 0, 200, 100, 0, 128}};
  const auto over = [&](Colour colour, Channels wanted) {
    return std::get<Image>(convert_channels(image, wanted, colour)).pixels;
  };
  EXPECT_THAT(over({255, 255, 255}, Channels::rgb),
              ElementsAre(200, 100, 0, 255, 255, 255, 227, 177, 127));
  EXPECT_THAT(over({0, 0, 0}, Channels::rgb), ElementsAre(200, 100, 0, 0, 0, 0, 100, 50, 0));
  EXPECT_THAT(over({0, 0, 255}, Channels::as_stored),
              ElementsAre(200, 100, 0, 0, 0, 255, 100, 50, 127));
  EXPECT_EQ(over({0, 0, 0}, Channels::rgba), std::get<Image>(image).pixels);
  const AnyImage grey = Image{2, 1, 2, {10, 255, 10, 0}};
  EXPECT_THAT(std::get<Image>(convert_channels(grey, Channels::grey, Colour{255, 0, 0})).pixels,
              ElementsAre(10, 76));
  const AnyImage deep = DeepImage{2, 1, 2, {1000, 65535, 1000, 0}};
  EXPECT_THAT(std::get<DeepImage>(convert_channels(deep, Channels::grey, Colour{})).pixels,
              ElementsAre(1000, 65535));
}

TEST(Picture, OrientationTurnsAndMirrors) {
  // 1 2 3
  // 4 5 6
  const AnyImage image = Image{3, 2, 1, {1, 2, 3, 4, 5, 6}};
  const auto pixels = [&](int orientation) {
    return std::get<Image>(upright(image, orientation)).pixels;
  };
  EXPECT_THAT(pixels(1), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(pixels(2), ElementsAre(3, 2, 1, 6, 5, 4));
  EXPECT_THAT(pixels(3), ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_THAT(pixels(4), ElementsAre(4, 5, 6, 1, 2, 3));
  EXPECT_THAT(pixels(5), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(pixels(6), ElementsAre(4, 1, 5, 2, 6, 3));
  EXPECT_THAT(pixels(7), ElementsAre(6, 3, 5, 2, 4, 1));
  EXPECT_THAT(pixels(8), ElementsAre(3, 6, 2, 5, 1, 4));
  EXPECT_THAT(pixels(0), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(std::get<Image>(upright(image, 6)).width, 2);
}

TEST(Exif, OrientationOfBothByteOrders) {
  using namespace std::string_literals;
  const std::string little =
      "II*\0\x08\0\0\0"s + "\1\0"s + "\x12\1\3\0\1\0\0\0\6\0\0\0"s + "\0\0\0\0"s;
  const std::string big =
      "Exif\0\0MM\0*\0\0\0\x08"s + "\0\1"s + "\1\x12\0\3\0\0\0\1\0\x08\0\0"s + "\0\0\0\0"s;
  EXPECT_EQ(exif_orientation(bytes_of(little)), 6);
  EXPECT_EQ(exif_orientation(bytes_of(big)), 8);
  const std::string little_long =
      "II*\0\x08\0\0\0"s + "\1\0"s + "\x12\1\4\0\1\0\0\0\6\0\0\0"s + "\0\0\0\0"s;
  const std::string big_long =
      "MM\0*\0\0\0\x08"s + "\0\1"s + "\1\x12\0\4\0\0\0\1\0\0\0\x08"s + "\0\0\0\0"s;
  EXPECT_EQ(exif_orientation(bytes_of(little_long)), 6);
  EXPECT_EQ(exif_orientation(bytes_of(big_long)), 8);
  for (std::size_t size = 0; size + 6 < little.size(); ++size)
    EXPECT_EQ(exif_orientation(bytes_of(little.substr(0, size))), 1) << size;
  std::string wrong = little;
  wrong[18] = 9;
  EXPECT_EQ(exif_orientation(bytes_of(wrong)), 1);
}

TEST(Colour, ComesFromAText) {
  EXPECT_EQ(parse_colour("white"), (Colour{255, 255, 255}));
  EXPECT_EQ(parse_colour("#ff8001"), (Colour{255, 128, 1}));
  for (const char* text : {"white", "black", "grey", "#0102fe"})
    EXPECT_EQ(to_string(parse_colour(text)), text);
  for (const char* text : {"", "red!", "#12345", "#1234567", "#12345g", "#-12345"})
    expect_error(ErrorCode::user, HasSubstr("#rrggbb"), [&] { parse_colour(text); });
}

}  // namespace
}  // namespace ddim::engine::io
