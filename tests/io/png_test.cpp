#include "io/png.h"

#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <random>

#include "io/png_chunks.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using ddim::test::TemporaryFolder;
using test::bytes_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Image gradient(std::int64_t width, std::int64_t height, std::int64_t channels) {
  Image image{width, height, channels, {}};
  for (std::size_t i = 0; i < image.num_samples(); ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(i * 37 % 256));
  }
  return image;
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto crc =
      ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body +
         big_endian(static_cast<std::uint32_t>(crc));
}

std::string deflated(const std::string& data) {
  std::string out(::compressBound(data.size()), '\0');
  uLongf size = out.size();
  ::compress(reinterpret_cast<Bytef*>(out.data()), &size,
             reinterpret_cast<const Bytef*>(data.data()), data.size());
  out.resize(size);
  return out;
}

const std::string kSignature = "\x89PNG\r\n\x1a\n";

std::string header_chunk(std::uint32_t width, std::uint32_t height, int depth, int color) {
  return chunk("IHDR", big_endian(width) + big_endian(height) + static_cast<char>(depth) +
                           static_cast<char>(color) + std::string(3, '\0'));
}

/// A PNG made by hand; `rows` with their filter bytes.
std::string png_of(std::uint32_t width, std::uint32_t height, int depth, int color,
                   const std::string& rows, const std::string& before_data = "",
                   const std::string& after_data = "") {
  return kSignature + header_chunk(width, height, depth, color) + before_data +
         chunk("IDAT", deflated(rows)) + after_data + chunk("IEND", "");
}

Image decode(const std::string& file, Channels channels = Channels::as_stored) {
  return decode_png(bytes_of(file), "bad.png", channels).image;
}

TEST(Png, RoundTripOfPixelsAndText) {
  const PngText text = {{"ddim recipe", "{\"steps\": 50,\n \"seed\": 7}"},
                        {"Comment", "\xC3\xA4\xE2\x82\xAC"},
                        {"Empty", ""}};
  for (const std::int64_t channels : {1, 3, 4}) {
    for (const auto& [width, height] : {std::pair{1, 1}, {7, 5}, {64, 33}}) {
      const Image image = gradient(width, height, channels);
      const std::vector<std::byte> bytes = encode_png(image, text);
      const PngFile file =
          decode_png(bytes, "x.png", channels == 4 ? Channels::rgba : Channels::as_stored);
      EXPECT_EQ(file.image, image);
      EXPECT_EQ(file.text, text);
      EXPECT_EQ(encode_png(image, text), bytes) << "the same bytes every time";
    }
  }
}

TEST(Png, BytesThatAreNoUtf8AreReplacedInText) {
  const Image image = gradient(2, 2, 1);
  const auto text_of = [&](const std::string& value) {
    return decode_png(encode_png(image, {{"model", value}}), "x.png", Channels::as_stored)
        .text.at("model");
  };
  EXPECT_EQ(text_of("caf\xE9/\"a\"\n"), "caf\xEF\xBF\xBD/\"a\"\n");
  EXPECT_EQ(text_of("\xC3\xA4\xC3"), "\xC3\xA4\xEF\xBF\xBD");
}

TEST(Png, FilesRefuseToOverwrite) {
  const TemporaryFolder folder;
  const Image image = gradient(4, 4, 3);
  io::write_png(folder / "a.png", image, {{"k", "v"}});
  EXPECT_EQ(io::read_png(folder / "a.png").image, image);
  EXPECT_EQ(io::read_png(folder / "a.png").text.at("k"), "v");
  expect_error(ErrorCode::user, HasSubstr("exists"),
               [&] { io::write_png(folder / "a.png", image); });
  EXPECT_NO_THROW(io::write_png(folder / "a.png", image, {}, Overwrite::allow));
  expect_error(ErrorCode::io, HasSubstr("absent.png"),
               [&] { io::read_png(folder / "absent.png"); });
}

TEST(Png, EveryKindOfSampleBecomesEightBits) {
  using std::string;
  // Grey of 1, 2, 4 and 16 bits; 16 bits are rounded, not cut: 0x0180 is nearer to 2 than to 1.
  EXPECT_THAT(decode(png_of(8, 1, 1, 0, string("\0\xA5", 2))).pixels,
              ElementsAre(255, 0, 255, 0, 0, 255, 0, 255));
  EXPECT_THAT(decode(png_of(4, 1, 2, 0, string("\0\x1B", 2))).pixels, ElementsAre(0, 85, 170, 255));
  EXPECT_THAT(decode(png_of(2, 1, 4, 0, string("\0\x1F", 2))).pixels, ElementsAre(17, 255));
  EXPECT_THAT(decode(png_of(2, 1, 16, 0, string("\0\x01\x82\xFF\xFF", 5))).pixels,
              ElementsAre(2, 255));
  EXPECT_THAT(decode(png_of(1, 1, 16, 2, string("\0\0\0\x7F\xFF\xFF\xFF", 7))).pixels,
              ElementsAre(0, 127, 255));
  // Grey with alpha, RGB with alpha
  EXPECT_THAT(decode(png_of(1, 1, 8, 4, string("\0\x0A\x14", 3))).pixels, ElementsAre(10));
  EXPECT_THAT(decode(png_of(1, 1, 8, 4, string("\0\x0A\x14", 3)), Channels::rgba).pixels,
              ElementsAre(10, 10, 10, 20));
  EXPECT_THAT(decode(png_of(1, 1, 8, 6, string("\0\1\2\3\4", 5))).pixels, ElementsAre(1, 2, 3));
  EXPECT_THAT(decode(png_of(1, 1, 8, 6, string("\0\1\2\3\4", 5)), Channels::rgba).pixels,
              ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(decode(png_of(1, 1, 8, 2, string("\0\1\2\3", 4)), Channels::rgba).pixels,
              ElementsAre(1, 2, 3, 255));
  EXPECT_THAT(decode(png_of(1, 1, 8, 0, string("\0\x05", 2)), Channels::rgb).pixels,
              ElementsAre(5, 5, 5));
  // A palette, also with a transparent entry
  const string palette = chunk("PLTE", "\x01\x02\x03\x0A\x14\x1E");
  const string indices("\0\0\1", 3);
  EXPECT_THAT(decode(png_of(2, 1, 8, 3, indices, palette)).pixels,
              ElementsAre(1, 2, 3, 10, 20, 30));
  EXPECT_THAT(decode(png_of(2, 1, 8, 3, indices, palette), Channels::grey).pixels,
              ElementsAre(2, 18));
  EXPECT_THAT(
      decode(png_of(2, 1, 8, 3, indices, palette + chunk("tRNS", string(1, '\0'))), Channels::rgba)
          .pixels,
      ElementsAre(1, 2, 3, 0, 10, 20, 30, 255));
}

TEST(Png, TextOfEveryKindOfChunk) {
  using std::string;
  const string pixels("\0\x05", 2);
  const string file = png_of(1, 1, 8, 0, pixels, chunk("tEXt", string("Latin\0\xE4", 7)),
                             chunk("zTXt", string("Packed\0\0", 8) + deflated("small")) +
                                 chunk("iTXt", string("Late\0\0\0\0\0\xC3\xA4", 11)));
  EXPECT_EQ(decode_png(bytes_of(file), "t.png").text,
            (PngText{{"Latin", "\xC3\xA4"}, {"Packed", "small"}, {"Late", "\xC3\xA4"}}));
}

TEST(Png, OddColourProfilesDoNotMatter) {
  const std::string file =
      png_of(1, 1, 8, 0, std::string("\0\x05", 2),
             chunk("gAMA", big_endian(0)) + chunk("iCCP", std::string("x\0\0nonsense", 11)) +
                 chunk("zzZz", "private"));
  EXPECT_THAT(decode(file).pixels, ElementsAre(5));
}

TEST(Png, HugeDimensionsAreRefusedBeforeDecoding) {
  const auto refused = [](std::uint32_t width, std::uint32_t height, int depth, int color) {
    const std::string file = kSignature + header_chunk(width, height, depth, color) +
                             chunk("IDAT", deflated("")) + chunk("IEND", "");
    expect_error(ErrorCode::corrupt, HasSubstr("bad.png"), [&] { decode(file); });
  };
  refused(65'535, 65'535, 16, 6);
  refused(1'000'000, 65, 1, 0);
  refused(0x7FFFFFFF, 0x7FFFFFFF, 8, 2);
  refused(0xFFFFFFFF, 1, 8, 2);
  refused(0, 1, 8, 2);
  refused(8'001, 8'000, 8, 0);
}

TEST(Png, DamagedFilesAreRefused) {
  using std::string;
  const auto refused = [](const string& file) {
    expect_error(ErrorCode::corrupt, AllOf(HasSubstr("bad.png"), HasSubstr("PNG")),
                 [&] { decode(file); });
  };
  refused("");
  refused("not a PNG at all, only text");
  refused(kSignature);
  refused(kSignature + chunk("IEND", ""));
  refused(png_of(2, 2, 8, 0, string("\0\1\2", 3)));                     // too few rows
  refused(png_of(1, 1, 8, 0, string("\x09\x01", 2)));                   // unknown filter
  refused(png_of(1, 1, 7, 0, string("\0\x01", 2)));                     // depth 7
  refused(png_of(1, 1, 8, 5, string("\0\x01", 2)));                     // colour type 5
  refused(png_of(1, 1, 8, 3, string("\0\x01", 2)));                     // palette without entries
  refused(png_of(1, 1, 8, 0, string("\0\x01", 2), chunk("ABCD", "")));  // unknown critical chunk
  string damaged = png_of(1, 1, 8, 0, string("\0\x05", 2));
  damaged[damaged.find("IDAT") + 14] ^= 1;
  refused(damaged);  // the checksum of what the pixels are
}

TEST(Png, WhatSaysNothingOfThePixelsMayBeOdd) {
  using std::string;
  const auto odd = [](const string& extra, const string& after = "") {
    return decode_png_picture(bytes_of(png_of(1, 1, 8, 0, string("\0\x05", 2), extra) + after),
                              "odd.png");
  };
  string wrong_checksum = chunk("tEXt", string("k\0v", 3));
  wrong_checksum.back() ^= 1;
  string many;
  for (int i = 0; i < 300; ++i) many += chunk("tEXt", string("k\0v", 3));
  // Text that unpacks to a hundred megabytes
  const string bomb = chunk("zTXt", string("Bomb\0\0", 6) + deflated(string(100'000'000, 'x')));
  const auto warning = [](const Picture& picture) {
    EXPECT_EQ(picture.image, AnyImage(Image{1, 1, 1, {5}}));
    return picture.warning;
  };
  EXPECT_EQ(warning(odd("")), "");
  EXPECT_THAT(warning(odd(wrong_checksum)), HasSubstr("tEXt left out: wrong checksum"));
  EXPECT_THAT(warning(odd(many)), HasSubstr("too many"));
  EXPECT_THAT(warning(odd(chunk("tEXt", string(3'000'000, 'k')))), HasSubstr("too long"));
  EXPECT_NE(warning(odd(bomb)), "");
  EXPECT_NE(warning(odd(chunk("tRNS", "too long for grey"))), "");
  EXPECT_EQ(warning(odd(chunk("iCCP", string(3'000'000, 'k')))), "");
  EXPECT_THAT(warning(odd("", "more")), HasSubstr("4 bytes after the end"));
  // Compressed data that go on after the last row.
  EXPECT_EQ(decode(png_of(1, 1, 8, 0, string("\0\5surplus", 9))).pixels,
            (std::vector<std::uint8_t>{5}));
}

TEST(Png, AnAncillaryChunkThatEndsEarlyIsNotPassedOn) {
  const std::string head = kSignature + header_chunk(3, 3, 8, 0);
  for (const char* type : {"eXIf", "tEXt", "iCCP", "sPLT"}) {  // the first: 1.1 GB in libpng 1.6.39
    const std::string file = head + std::string("\x45\0\0\x1a", 4) + type + "few bytes";
    EXPECT_EQ(choose_png_pieces(bytes_of(file)).pieces.size(), 2U) << type;
    expect_error(ErrorCode::corrupt, HasSubstr("a.png"),
                 [&] { decode_png_picture(bytes_of(file), "a.png"); });
  }
  const std::string cut = head + std::string("\0\0\1\0IDAT", 8) + "few bytes";
  EXPECT_EQ(choose_png_pieces(bytes_of(cut)).pieces.size(), 3U);
}

TEST(Png, SixteenBitsAreKeptAndExifTurns) {
  const std::string rows("\0\x01\x82\xFF\xFE", 5);
  const std::string turned("MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 26);
  EXPECT_EQ(decode_png_picture(bytes_of(png_of(2, 1, 16, 0, rows)), "deep.png").image,
            AnyImage(DeepImage{2, 1, 1, {0x182, 0xFFFE}}));
  EXPECT_EQ(
      decode_png_picture(bytes_of(png_of(2, 1, 16, 0, rows, chunk("eXIf", turned))), "deep.png")
          .image,
      AnyImage(DeepImage{1, 2, 1, {0x182, 0xFFFE}}));
}

TEST(Png, EveryTruncationIsRefused) {
  const std::string file = text_of(encode_png(gradient(9, 7, 3), {{"key", "value"}}));
  ASSERT_NO_THROW(decode(file));
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_THROW(decode(file.substr(0, size)), Error) << size;
  }
}

TEST(Png, EveryFlippedBitIsRefused) {
  const Image image = gradient(9, 7, 3);
  const std::string file = text_of(encode_png(image));
  int accepted = 0;
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    try {
      const Image found = decode(damaged);
      EXPECT_EQ(found, image) << bit;
      ++accepted;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt);
    }
  }
  // Each chunk has a checksum; what passes is at most a chunk that turned into one to be ignored.
  EXPECT_LT(accepted, 10);
}

TEST(Png, RandomMutationsDoNotCrash) {
  std::mt19937 random(3);
  const std::string file = text_of(encode_png(gradient(20, 20, 4), {{"key", "value"}}));
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = file;
    for (int count = 0; count < 3; ++count) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    try {
      decode(damaged, Channels::rgba);
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::corrupt);
    }
  }
}

TEST(Png, RefusesToWriteWhatIsNoPicture) {
  const auto refused = [](const Image& image, const PngText& text, const char* message) {
    expect_error(ErrorCode::user, HasSubstr(message), [&] { encode_png(image, text); });
  };
  refused({}, {}, "channels");
  refused({0, 0, 1, {}}, {}, "samples");
  refused({2, 2, 1, {1}}, {}, "samples");
  refused({1, 1, 5, {1, 2, 3, 4, 5}}, {}, "channels");
  for (const std::string& key :
       {std::string(), std::string(80, 'k'), std::string(" k"), std::string("k "),
        std::string("a  b"), std::string("\xC3\xA4"), std::string("a\nb")}) {
    refused({1, 1, 1, {1}}, {{key, "v"}}, "keyword");
  }
  refused({1, 1, 1, {1}}, {{"k", std::string("a\0b", 3)}}, "NUL");
}

TEST(Png, AlphaComesBackWhereItIsWanted) {
  const TemporaryFolder folder;
  for (const std::int64_t channels : {2, 4}) {
    const Image image = gradient(5, 3, channels);
    const auto path = folder / (std::to_string(channels) + ".png");
    io::write_png(path, image);
    EXPECT_EQ(io::read_png(path, channels == 2 ? Channels::grey_alpha : Channels::rgba).image,
              image);
    EXPECT_EQ(io::read_png(path).image.channels, channels - 1);
  }
  // Grey spreads, and a file without alpha gets 255.
  const Image grey{1, 1, 1, {7}};
  io::write_png(folder / "grey.png", grey);
  EXPECT_THAT(io::read_png(folder / "grey.png", Channels::rgba).image.pixels,
              ElementsAre(7, 7, 7, 255));
}

}  // namespace
}  // namespace ddim::engine::io
