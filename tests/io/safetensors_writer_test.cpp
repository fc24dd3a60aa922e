#include <gtest/gtest.h>

#include <limits>

#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using ddim::test::read_text;
using ddim::test::TemporaryFolder;
using test::text_of;
using testing::AllOf;
using testing::HasSubstr;

// Written out by hand from the format's description.
TEST(SafetensorsWriter, WritesTheExpectedBytes) {
  const std::vector<float> half = {1.0F, -2.0F};  // 3C00 C000
  const std::vector<float> single = {0.5F};       // 3F000000
  const std::vector<std::byte> integers(8, std::byte{7});
  const std::string file = text_of(safetensors_content({
      {.name = "b", .type = StoredType::f16, .shape = {2, 1}, .values = half},
      {.name = "z", .shape = {}, .values = single},
      {.name = "a", .type = StoredType::bf16, .shape = {2}, .values = half},
      {.name = "i", .type = StoredType::i64, .shape = {1}, .bytes = integers},
      {.name = "a2", .shape = {1}, .values = single},
  }));
  const std::string json = R"({"__metadata__":{"format":"pt"},)"
                           R"("i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                           R"("a2":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
                           R"("z":{"dtype":"F32","shape":[],"data_offsets":[12,16]},)"
                           R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]},)"
                           R"("b":{"dtype":"F16","shape":[2,1],"data_offsets":[20,24]}})";
  const std::size_t padded = (json.size() + 7) / 8 * 8;
  ASSERT_NE(padded, json.size()) << "the example should need padding";
  EXPECT_EQ(file, test::length_bytes(padded) + json + std::string(padded - json.size(), ' ') +
                      std::string(8, '\x07') + std::string("\0\0\0\x3F", 4) +
                      std::string("\0\0\0\x3F", 4) + std::string("\x80\x3F\0\xC0", 4) +
                      std::string("\0\x3C\0\xC0", 4));
}

TEST(SafetensorsWriter, AnnouncesItsSize) {
  const std::vector<float> values(200'000, 1.5F);  // more than one piece
  for (const StoredType type :
       {StoredType::f64, StoredType::f32, StoredType::f16, StoredType::bf16}) {
    const FileContent content =
        safetensors_content({{.name = "w", .type = type, .shape = {200, 1000}, .values = values}});
    const std::string file = text_of(content);
    EXPECT_EQ(file.size(), content.size_bytes);
    EXPECT_EQ(text_of(content), file) << "a second time must give the same";
    EXPECT_EQ(parse_safetensors(test::bytes_of(file), "w").entries[0].num_elements(), 200'000);
  }
}

TEST(SafetensorsWriter, RefusesWhatDoesNotFit) {
  const std::vector<float> two = {1, 2};
  const std::vector<std::byte> bytes(8);
  const auto refused = [](std::vector<TensorSource> tensors, const std::string& message,
                          ErrorCode code = ErrorCode::user) {
    expect_error(code, HasSubstr(message), [&] { safetensors_content(std::move(tensors)); });
  };
  refused({{.name = "a", .shape = {3}, .values = two}}, "need 12");
  refused({{.name = "a", .shape = {-2}, .values = two}}, "\"a\"");
  refused({{.name = "a", .shape = {INT64_MAX, 4}, .values = two}}, "\"a\"");
  refused({{.name = "", .shape = {2}, .values = two}}, "is empty");
  refused({{.name = "a\n", .shape = {2}, .values = two}}, "control characters");
  refused({{.name = "__metadata__", .shape = {2}, .values = two}}, "__metadata__");
  refused({{.name = "\xFF", .shape = {2}, .values = two}}, "UTF-8");
  refused({{.name = "a", .type = StoredType::i32, .shape = {2}, .values = two}}, "as I32",
          ErrorCode::internal);
  refused({{.name = "a", .shape = {2}, .values = two, .bytes = bytes}}, "more than one source",
          ErrorCode::internal);
  refused({{.name = "a", .shape = std::vector<std::int64_t>(33, 1), .values = two}},
          "more than 32");
  refused({{.name = "a", .shape = {2}, .values = two},
           {.name = "a", .type = StoredType::f16, .shape = {2}, .values = two}},
          "two tensors \"a\"", ErrorCode::internal);
}

TEST(SafetensorsWriter, NeverWritesWhatIsNotFinite) {
  const TemporaryFolder folder;
  std::vector<float> values(100'000, 1.0F);
  const auto write = [&](StoredType type) {
    write_safetensors(folder / "w.safetensors",
                      {{.name = "w", .type = type, .shape = {100'000}, .values = values}},
                      Overwrite::refuse);
  };
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    values[70'000] = bad;
    expect_error(ErrorCode::numeric, AllOf(HasSubstr("\"w\""), HasSubstr("element 70000")),
                 [&] { write(StoredType::f32); });
  }
  values[70'000] = 70'000.0F;  // beyond half precision
  expect_error(ErrorCode::numeric, HasSubstr("is 70000, which is not a finite F16"),
               [&] { write(StoredType::f16); });
  EXPECT_TRUE(ddim::test::names_in(folder.path()).empty());
  write(StoredType::bf16);
  EXPECT_EQ(ddim::test::names_in(folder.path()).size(), 1U);
}

TEST(SafetensorsWriter, RefusesToOverwriteUnlessTold) {
  const TemporaryFolder folder;
  const std::vector<float> one = {1};
  const auto write = [&](Overwrite overwrite) {
    write_safetensors(folder / "w.safetensors", {{.name = "w", .shape = {1}, .values = one}},
                      overwrite);
  };
  write(Overwrite::refuse);
  expect_error(ErrorCode::user, HasSubstr("exists"), [&] { write(Overwrite::refuse); });
  EXPECT_NO_THROW(write(Overwrite::allow));
}

}  // namespace
}  // namespace ddim::engine::io
