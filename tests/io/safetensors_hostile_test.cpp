// Files made to hurt, each by name. All must be refused with one line that names the file.
#include <gtest/gtest.h>

#include <ctime>
#include <functional>

#include "io/safetensors_header.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using test::bytes_of;
using test::file_of;
using test::length_bytes;
using testing::AllOf;
using testing::HasSubstr;

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

/// An entry of one F32 tensor.
std::string entry(const std::string& name, const std::string& shape, std::uint64_t begin,
                  std::uint64_t end, const std::string& type = "F32") {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

std::string many_tensors(std::size_t count) {
  std::string json = "{";
  for (std::size_t i = 0; i < count; ++i) {
    json += (i > 0 ? "," : "") + entry(std::to_string(i), "[0]", 0, 0, "U8");
  }
  return json + "}";
}

struct Hostile {
  const char* name;
  std::function<std::string()> file;
  const char* message;
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

Hostile header(const char* name, const std::string& json, std::size_t data_bytes,
               const char* message) {
  return {name, [=] { return file_of(json, data_bytes); }, message};
}

Hostile whole(const char* name, std::function<std::string()> file, const char* message) {
  return {name, std::move(file), message};
}

const std::string kTensor = R"("dtype":"F32","shape":[2])";

const std::vector<Hostile>& hostile_files() {
  static const std::vector<Hostile> files = {
      // The length and what is no safetensors file at all
      whole(
          "Empty", [] { return std::string(); }, "too short"),
      whole(
          "SevenBytes", [] { return std::string(7, 'x'); }, "too short"),
      whole(
          "LengthOnly", [] { return length_bytes(2); }, "truncated"),
      whole(
          "LengthZero", [] { return length_bytes(0) + "{}"; }, "does not begin with {"),
      whole(
          "LengthOneTooFew", [] { return length_bytes(1) + "{}"; }, "not valid JSON"),
      whole(
          "LengthOneTooMany", [] { return length_bytes(3) + "{}"; }, "truncated"),
      whole(
          "LengthAboveTheCap", [] { return length_bytes(100'000'001) + "{}"; },
          "at most 100000000"),
      whole(
          "LengthOfAllBits", [] { return length_bytes(UINT64_MAX) + "{}"; }, "at most"),
      whole(
          "LengthThatWrapsWithItsOwnEight", [] { return length_bytes(UINT64_MAX - 7) + "{}"; },
          "at most"),
      whole(
          "LengthBigEndian", [] { return std::string("\0\0\0\0\0\0\0\2{}", 10); }, "at most"),
      whole(
          "GitLfsPointer",
          [] { return std::string("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"); },
          "git lfs pull"),
      whole(
          "HtmlPage", [] { return std::string("\n <!DOCTYPE html><html></html>"); }, "HTML page"),
      whole(
          "HtmlPageWithoutDoctype", [] { return std::string("<HTML><body>404</body>"); },
          "HTML page"),
      whole(
          "Toml", [] { return std::string("# A network\n[model]\nchannels = 3\n"); },
          "this is text"),
      whole(
          "TextWithAByteOfNone", [] { return std::string("# A network\n\0[model]\n", 21); },
          "not a safetensors file"),
      whole(
          "TorchZip", [] { return "PK\x03\x04" + std::string(60, '\0'); }, "zip archive"),
      // JSON
      header("NotAnObject", "[]", 0, "does not begin with {"),
      header("LeadingSpace", " {}", 0, "does not begin with {"),
      header("ByteOrderMark", "\xEF\xBB\xBF{}", 0, "does not begin with {"),
      header("Unclosed", "{", 0, "not valid JSON"),
      header("TwoObjects", "{}{}", 0, "not valid JSON"),
      header("PaddedWithNul", std::string("{}\0\0", 4), 0, "not valid JSON"),
      header("TrailingComma", "{" + entry("a", "[2]", 0, 8) + ",}", 8, "not valid JSON"),
      header("Comment", "{/* */}", 0, "not valid JSON"),
      header("NotANumber", R"({"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}})", 8,
             "not valid JSON"),
      header("NumberTooLargeForADouble",
             R"({"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,8]}})", 8, "not valid JSON"),
      header("BadUtf8InAName", "{" + entry("a\xFF", "[2]", 0, 8) + "}", 8, "not valid JSON"),
      header("DepthOfHundredThousandArrays", "{\"a\":" + std::string(100'000, '['), 0,
             "not an object"),
      header("DepthOfHundredThousandObjects", repeated("{\"a\":", 100'000), 0, "tensor \"a\""),
      header("DepthInsideShape",
             "{\"a\":{\"shape\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}}", 0,
             "an array"),
      // Entries
      header("EntryIsANumber", R"({"a":1})", 0, "not an object"),
      header("EntryIsNull", R"({"a":null})", 0, "not an object"),
      header("EntryIsEmpty", R"({"a":{}})", 0, "no dtype"),
      header("NoDtype", R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8, "no dtype"),
      header("NoShape", R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8, "no shape"),
      header("NoOffsets", "{\"a\":{" + kTensor + "}}", 8, "data_offsets"),
      header("OneOffset", "{\"a\":{" + kTensor + R"(,"data_offsets":[0]}})", 8, "data_offsets"),
      header("ThreeOffsets", "{\"a\":{" + kTensor + R"(,"data_offsets":[0,8,8]}})", 8,
             "more than two data_offsets"),
      header("ExtraField", "{\"a\":{" + kTensor + R"(,"data_offsets":[0,8],"strides":[1]}})", 8,
             "strides"),
      header("UnknownDtype", "{" + entry("a", "[2]", 0, 8, "F31") + "}", 8, "unknown dtype"),
      header("DtypeOfTwoPerByte", "{" + entry("a", "[2]", 0, 1, "F4") + "}", 1, "unknown dtype"),
      header("DtypeIsANumber", R"({"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}})", 8,
             "a number"),
      header("TwoDtypes", R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
             8, "two dtypes"),
      header("TwoShapes", R"({"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}})",
             8, "two entries shape"),
      header("TwoOffsetPairs",
             "{\"a\":{" + kTensor + R"(,"data_offsets":[0,8],"data_offsets":[0,8]}})", 8,
             "two entries data_offsets"),
      header("ShapeIsAString", R"({"a":{"dtype":"F32","shape":"[2]","data_offsets":[0,8]}})", 8,
             "a string"),
      header("NegativeDimension", "{" + entry("a", "[-2]", 0, 8) + "}", 8, "negative"),
      header("FractionalDimension", "{" + entry("a", "[2.0]", 0, 8) + "}", 8, "fraction"),
      header("DimensionOf63Bits", "{" + entry("a", "[9223372036854775808]", 0, 8) + "}", 8,
             "beyond 63 bits"),
      header("DimensionOf64Bits", "{" + entry("a", "[18446744073709551617]", 0, 8) + "}", 8,
             "beyond 64 bits"),
      header("ShapeProductWrapsToTheRightSize",
             "{" + entry("a", "[4611686018427387904,4,1]", 0, 0) + "}", 0, "too large"),
      header("ShapeProductWrapsToTwo", "{" + entry("a", "[4294967297,4294967298]", 0, 8) + "}", 8,
             "too large"),
      header("ZeroHidesAnOverflow",
             "{" + entry("a", "[0,9223372036854775807,9223372036854775807]", 0, 0) + "}", 0,
             "too large"),
      header("RankAboveTheCap", "{" + entry("a", "[2" + repeated(",1", 32) + "]", 0, 8) + "}", 8,
             "more than 32 dimensions"),
      header("SizeDoesNotMatch", "{" + entry("a", "[3]", 0, 8) + "}", 8, "need 12"),
      header("DtypeDoesNotMatch", "{" + entry("a", "[2]", 0, 8, "F64") + "}", 8, "need 16"),
      // Ranges
      header("EndsAfterTheFile", "{" + entry("a", "[2]", 0, 8) + "}", 7, "truncated or damaged"),
      header("BytesAfterTheLast", "{" + entry("a", "[2]", 0, 8) + "}", 9, "belong to none"),
      header("DataWithoutTensors", "{}", 1, "belong to none"),
      header("BeginsAfterItsEnd", "{" + entry("a", "[2]", 8, 0) + "}", 8, "truncated or damaged"),
      header("HoleAtTheStart", "{" + entry("a", "[2]", 4, 12) + "}", 12, "hole"),
      header("HoleInTheMiddle",
             "{" + entry("a", "[2]", 0, 8) + "," + entry("b", "[2]", 12, 20) + "}", 20, "hole"),
      header("Overlap", "{" + entry("a", "[2]", 0, 8) + "," + entry("b", "[2]", 4, 12) + "}", 12,
             "overlaps"),
      header("SameRangeTwice", "{" + entry("a", "[2]", 0, 8) + "," + entry("b", "[2]", 0, 8) + "}",
             8, "overlaps"),
      header("OffsetsOf64Bits", "{" + entry("a", "[2]", UINT64_MAX - 7, UINT64_MAX) + "}", 8,
             "63 bits"),
      header("NegativeOffset", "{\"a\":{" + kTensor + R"(,"data_offsets":[-8,0]}})", 8, "negative"),
      // Names
      header("TwoTensorsOfOneName",
             "{" + entry("a", "[2]", 0, 8) + "," + entry("a", "[2]", 8, 16) + "}", 16,
             "two tensors \"a\""),
      header("OneNameSpeltInTwoWays",
             "{" + entry("a", "[2]", 0, 8) + "," + entry("\\u0061", "[2]", 8, 16) + "}", 16,
             "two tensors \"a\""),
      header("NulInAName", "{" + entry("a\\u0000b", "[2]", 0, 8) + "}", 8, "control characters"),
      header("LineBreakInAName", "{" + entry("a\\nb", "[2]", 0, 8) + "}", 8, "control characters"),
      header("EmptyName", "{" + entry("", "[2]", 0, 8) + "}", 8, "is empty"),
      header("NameOfOneMebibyte", "{" + entry(std::string(1 << 20, 'n'), "[2]", 0, 8) + "}", 8,
             "longer than 1024"),
      whole(
          "OneMillionTensors", [] { return file_of(many_tensors(1'000'000)); },
          "more than 100000 tensors"),
      // Metadata
      header("MetadataIsAString", R"({"__metadata__":"pt"})", 0, "not an object"),
      header("MetadataHoldsANumber", R"({"__metadata__":{"step":1}})", 0, "not a string"),
      header("MetadataHoldsAnObject", R"({"__metadata__":{"a":{"b":"c"}}})", 0, "not a string"),
      header("MetadataHoldsAnArray", R"({"__metadata__":{"a":[]}})", 0, "not a string"),
      header("TwoMetadata", R"({"__metadata__":{},"__metadata__":{}})", 0, "two __metadata__"),
      header("OneMetadataKeyTwice", R"({"__metadata__":{"a":"b","a":"b"}})", 0,
             "two entries \"a\""),
  };
  return files;
}

class HostileTest : public testing::TestWithParam<Hostile> {};

TEST_P(HostileTest, IsRefused) {
  const std::string file = GetParam().file();
  const std::clock_t start = std::clock();  // of this process, whatever else the machine does
  expect_error(ErrorCode::corrupt,
               AllOf(HasSubstr("bad.safetensors"), HasSubstr(GetParam().message)),
               [&] { parse_safetensors(bytes_of(file), "bad.safetensors"); });
  EXPECT_LT(std::clock() - start, 2 * CLOCKS_PER_SEC);
}

INSTANTIATE_TEST_SUITE_P(Safetensors, HostileTest, testing::ValuesIn(hostile_files()),
                         [](const auto& file) { return std::string(file.param.name); });

// What is odd but right must not be refused along with the rest.
TEST(SafetensorsOddities, AreAccepted) {
  const auto parse = [](const std::string& file) {
    return parse_safetensors(bytes_of(file), "odd.safetensors");
  };
  EXPECT_TRUE(parse(file_of("{}")).entries.empty());
  EXPECT_TRUE(parse(file_of("{}      \n")).entries.empty());
  EXPECT_TRUE(parse(file_of(R"({"__metadata__":{}})")).metadata.empty());
  for (const std::size_t length : {0x8b1f, 0x2a4949, 0x0280})  // as gzip, TIFF and pickles begin
    EXPECT_TRUE(parse(file_of("{}" + std::string(length - 2, ' '))).entries.empty());
  EXPECT_EQ(parse(file_of("{" + entry("a/b c.\\u00e4", "[2]", 0, 8) + "}", 8)).entries[0].name,
            "a/b c.\xC3\xA4");
  EXPECT_EQ(parse(file_of("{" + entry("scalar", "[]", 0, 4) + "}", 4)).entries[0].num_elements(),
            1);
  // Empty tensors share their place with the next one; the order of the header is free.
  const SafetensorsContents contents =
      parse(file_of("{" + entry("c", "[1]", 4, 8) + "," + entry("a", "[3,0]", 4, 4) + "," +
                        entry("b", "[1]", 0, 4) + "}",
                    8));
  ASSERT_EQ(contents.entries.size(), 3U);
  EXPECT_EQ(contents.entries[0].name, "b");
  EXPECT_EQ(contents.entries[1].name, "a");
  EXPECT_EQ(contents.entries[2].name, "c");
  EXPECT_EQ(parse(file_of(many_tensors(kMaxTensors))).entries.size(), kMaxTensors);
  EXPECT_EQ(
      parse(file_of("{" + entry(std::string(1024, 'n'), "[2]", 0, 8) + "}", 8)).entries.size(), 1U);
}

}  // namespace
}  // namespace ddim::engine::io
