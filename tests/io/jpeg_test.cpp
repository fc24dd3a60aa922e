#include "io/jpeg.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

// libjpeg's header needs <cstdio> before it.
#include <jpeglib.h>

#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using test::bytes_of;
using testing::AllOf;
using testing::HasSubstr;

enum class Mode { baseline, progressive, progressive_without_refinement };

/// A smooth picture, compressed at best quality by libjpeg itself.
std::string jpeg_of(int width, int height, int components, J_COLOR_SPACE space,
                    Mode mode = Mode::baseline) {
  jpeg_error_mgr errors;
  jpeg_compress_struct info;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = components;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  if (mode == Mode::progressive) jpeg_simple_progression(&info);
  static constexpr jpeg_scan_info kTwoScans[] = {{1, {0}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 0}};
  if (mode == Mode::progressive_without_refinement) {
    info.scan_info = kTwoScans;
    info.num_scans = 2;
  }
  jpeg_start_compress(&info, TRUE);
  std::vector<JSAMPLE> row(static_cast<std::size_t>(width * components));
  for (int y = 0; y < height; ++y) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = static_cast<JSAMPLE>(static_cast<std::size_t>(4 * y) + 2 * i);
    }
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&info, &pointer, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string file(reinterpret_cast<const char*>(memory), size);
  std::free(memory);
  return file;
}

Image decode(const std::string& file, Channels channels = Channels::as_stored) {
  return convert_channels(to_bytes(decode_jpeg(bytes_of(file), "bad.jpg").image), channels);
}

TEST(Jpeg, DecodesGreyAndColour) {
  const Image grey = decode(jpeg_of(19, 13, 1, JCS_GRAYSCALE));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(grey.width, 19);
  EXPECT_EQ(grey.height, 13);
  for (int y = 0; y < 13; ++y) {
    for (int x = 0; x < 19; ++x) {
      EXPECT_NEAR(grey.pixels[static_cast<std::size_t>(y * 19 + x)], 4 * y + 2 * x, 2);
    }
  }
  for (const Mode mode : {Mode::baseline, Mode::progressive}) {
    const Image colour = decode(jpeg_of(16, 16, 3, JCS_RGB, mode));
    ASSERT_EQ(colour.channels, 3);
    for (int i = 0; i < 16 * 16 * 3; ++i) {
      const int expected = 4 * (i / 48) + 2 * (i % 48);
      EXPECT_NEAR(colour.pixels[static_cast<std::size_t>(i)], expected, 8) << i;
    }
  }
  EXPECT_EQ(decode(jpeg_of(8, 8, 1, JCS_GRAYSCALE), Channels::rgb).channels, 3);
  EXPECT_EQ(decode(jpeg_of(8, 8, 3, JCS_RGB), Channels::grey).channels, 1);
}

TEST(Jpeg, CmykBecomesRgb) {
  // As Adobe writes it: 255 is no ink.
  const Image image = decode(jpeg_of(8, 8, 4, JCS_CMYK));
  ASSERT_EQ(image.channels, 3);
  for (std::size_t i = 0; i < 64; ++i) {
    const std::size_t y = i / 8, x = i % 8;
    const auto ink = [&](std::size_t c) { return static_cast<double>(4 * y + 2 * (4 * x + c)); };
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(image.pixels[3 * i + c], ink(c) * ink(3) / 255, 2) << i;
  }
  EXPECT_EQ(decode(jpeg_of(8, 8, 4, JCS_YCCK)).channels, 3);
}

TEST(Jpeg, WhatLibjpegWarnsOfIsRead) {
  const std::string file = jpeg_of(24, 24, 3, JCS_RGB);
  const Picture good = decode_jpeg(bytes_of(file), "good.jpg");
  EXPECT_EQ(good.warning, "");
  const auto with = [&](std::size_t at, const std::string& bytes) {
    return decode_jpeg(bytes_of(file.substr(0, at) + bytes + file.substr(at)), "odd.jpg");
  };
  const Picture zeros = with(file.size() - 2, std::string(65, '\0'));
  EXPECT_EQ(zeros.image, good.image);
  EXPECT_THAT(zeros.warning, HasSubstr("extraneous bytes before marker 0xd9"));
  EXPECT_EQ(with(2, "\xFF\xFF").image, good.image);                 // fill before a marker
  EXPECT_EQ(with(file.size(), "more").image, good.image);           // after the end
  EXPECT_THAT(with(20, "stray").warning, HasSubstr("extraneous"));  // after JFIF's
  std::string version = file;
  version[11] = 9;
  EXPECT_EQ(decode_jpeg(bytes_of(version), "odd.jpg").image, good.image);
}

TEST(Jpeg, WhatIsNoJpegIsRefused) {
  for (const std::string& file :
       {std::string(), std::string("\xFF\xD8", 2), std::string("text, not a picture"),
        std::string("\xFF\xD8\xFF\xD9", 4)}) {
    expect_error(ErrorCode::corrupt, AllOf(HasSubstr("bad.jpg"), HasSubstr("JPEG")),
                 [&] { decode(file); });
  }
}

TEST(Jpeg, HugeDimensionsAreRefusedBeforeDecoding) {
  std::string file = jpeg_of(8, 8, 1, JCS_GRAYSCALE);
  const std::size_t frame = file.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  for (std::size_t i = 5; i < 9; ++i) file[frame + i] = '\xFE';  // 65278 x 65278
  expect_error(ErrorCode::corrupt, HasSubstr("65278x65278"), [&] { decode(file); });
}

TEST(Jpeg, EndlessScansAreRefused) {
  // libjpeg warns of a scan that refines what is refined already, but not of these.
  std::string file = jpeg_of(64, 64, 1, JCS_GRAYSCALE, Mode::progressive_without_refinement);
  ASSERT_NO_THROW(decode(file));
  // The last scan again and again, before the end-of-image mark.
  const std::size_t last = file.rfind("\xFF\xDA");
  const std::string scan = file.substr(last, file.size() - 2 - last);
  file.resize(file.size() - 2);
  for (int i = 0; i < 5000; ++i) file += scan;
  file += "\xFF\xD9";
  expect_error(ErrorCode::corrupt, AllOf(HasSubstr("bad.jpg"), HasSubstr("more than 200 scans")),
               [&] { decode(file); });
}

TEST(Jpeg, EveryTruncationIsRefused) {
  for (const Mode mode : {Mode::baseline, Mode::progressive}) {
    const std::string file = jpeg_of(17, 9, 3, JCS_RGB, mode);
    for (std::size_t size = 0; size < file.size(); ++size) {
      EXPECT_THROW(decode(file.substr(0, size)), Error) << size;
    }
  }
}

TEST(Jpeg, FlippedBitsAndRandomMutationsDoNotCrash) {
  const std::string file = jpeg_of(17, 9, 3, JCS_RGB, Mode::progressive);
  const auto try_decode = [](const std::string& damaged) {
    try {
      const Image image = decode(damaged);
      EXPECT_EQ(image.pixels.size(), image.num_samples());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt);
    }
  };
  for (std::size_t bit = 0; bit < 8 * file.size(); bit += 3) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    // A frame of up to 64 million pixels is legal, but not what a test should wait for.
    const std::size_t frame = damaged.find("\xFF\xC2");
    if (frame != std::string::npos && (damaged[frame + 5] != 0 || damaged[frame + 7] != 0))
      continue;
    try_decode(damaged);
  }
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = file;
    for (int count = 0; count < 3; ++count) {
      damaged[200 + random() % (damaged.size() - 200)] = static_cast<char>(random());
    }
    try_decode(damaged);
  }
}

}  // namespace
}  // namespace ddim::engine::io
