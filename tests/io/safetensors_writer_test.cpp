#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csignal>
#include <limits>

#include "io/digests.h"
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

TEST(SafetensorsWriter, DigestsAreThoseOfTheBytesWritten) {
  const std::vector<float> a{1, 2, 3}, b{0.1F};
  std::vector<TensorSource> tensors;
  tensors.push_back({.name = "b", .type = StoredType::f16, .shape = {1}, .values = b});
  tensors.push_back({.name = "a", .shape = {3}, .values = a});
  const FileContent content = safetensors_content(tensors, {}, Digests::write);
  const std::string text = text_of(content);
  EXPECT_EQ(text.size(), content.size_bytes);
  const SafetensorsContents contents = parse_safetensors(test::bytes_of(text), "x");
  ASSERT_EQ(contents.entries.size(), 2U);
  for (const TensorEntry& entry : contents.entries) {
    EXPECT_EQ(entry.checked.data(), entry.bytes.data());
    EXPECT_EQ(entry.crc32, crc32_of(entry.bytes)) << entry.name;
  }
  EXPECT_EQ(crc32_text(crc32_of(test::bytes_of("123456789"))), "cbf43926");
  EXPECT_EQ(crc32_text(crc32_of({}, 0xcbf43926)), "cbf43926");
  EXPECT_EQ(contents.metadata.at(kCrc32Key).substr(16),
            crc32_text(crc32_of(test::bytes_of("a F32 3\nb F16 1\n"))));

  // Another program keeps the metadata and writes the same tensors as other types or names.
  for (const auto& [was, is] : {std::pair("\"b\"", "\"c\""), {"F16", "I16"}}) {
    SCOPED_TRACE(is);
    std::string other = text;
    other.replace(other.find(was), 3, is);
    for (const TensorEntry& entry : parse_safetensors(test::bytes_of(other), "x").entries)
      EXPECT_TRUE(entry.checked.empty());
  }
}

TEST(SafetensorsWriter, AnEntryInMemoryIsLeftAsItIs) {
  // Larger than a page, which would read as zeros once it is given back.
  const std::vector<float> values(8192, 0.5F);
  const TensorEntry entry{.name = "a",
                          .type = StoredType::f32,
                          .shape = {8192},
                          .bytes = std::as_bytes(std::span(values))};
  std::vector<TensorSource> tensors;
  tensors.push_back({.name = "a", .type = StoredType::f16, .shape = {8192}, .entry = &entry});
  text_of(safetensors_content(tensors));
  EXPECT_EQ(std::ranges::count(values, 0.5F), 8192);
}

class MappedFileTest : public testing::Test {
 protected:
  static constexpr std::size_t kBytes = 1 << 20;
  MappedFileTest() { test::write_text(path_, std::string(kBytes, 'x')); }
  static std::size_t count_x(std::span<const std::byte> bytes) {
    return static_cast<std::size_t>(std::ranges::count(bytes, std::byte{'x'}));
  }
  test::TemporaryFolder temporary_;
  std::filesystem::path path_ = temporary_.path() / "file";
};

TEST_F(MappedFileTest, WhatIsCutOffReadsAsZerosAndIsTold) {
  const MappedFile file(path_);
  const std::filesystem::path other_path = temporary_.path() / "other";
  std::filesystem::copy(path_, other_path);
  const MappedFile other(other_path);
  EXPECT_NO_THROW(file.require_whole());
  for (const std::size_t left : {kBytes - 1, kBytes / 2 + 100, std::size_t{0}}) {
    std::filesystem::resize_file(path_, left);
    EXPECT_EQ(count_x(file.bytes()), left);
    test::expect_error(ErrorCode::corrupt, path_.string() + ": another program has shortened",
                       [&] { file.require_whole(); });
  }
  EXPECT_EQ(count_x(other.bytes()), kBytes);
  EXPECT_NO_THROW(other.require_whole());
}

TEST_F(MappedFileTest, OtherFaultsEndTheProcessAsEver) {
  const MappedFile file(path_);
  const auto fault = [&] {
    const std::filesystem::path other = temporary_.path() / "other";
    std::filesystem::copy(path_, other);
    const int descriptor = ::open(other.c_str(), O_RDONLY | O_CLOEXEC);
    void* const address = ::mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
    std::filesystem::resize_file(other, 0);
    EXPECT_EQ(count_x({static_cast<const std::byte*>(address), kBytes}), 0U);
  };
#if defined(__SANITIZE_ADDRESS__)
  EXPECT_DEATH(fault(), "AddressSanitizer: BUS");
#else
  EXPECT_EXIT(fault(), testing::KilledBySignal(SIGBUS), "");
#endif
}

}  // namespace
}  // namespace ddim::engine::io
