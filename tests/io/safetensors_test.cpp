#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using ddim::test::TemporaryFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsTest() {
    for (int i = 0; i < 12; ++i) values_.push_back(static_cast<float>(i) * 0.25F - 1.0F);
    std::vector<TensorSource> tensors;
    for (const StoredType type :
         {StoredType::f64, StoredType::f32, StoredType::f16, StoredType::bf16}) {
      tensors.push_back({.name = std::string(to_string(type)),
                         .type = type,
                         .shape = {3, 1, 4},
                         .values = values_});
    }
    tensors.push_back({.name = "steps", .type = StoredType::i64, .shape = {2}, .bytes = integers_});
    tensors.push_back({.name = "empty", .shape = {4, 0}});
    write_safetensors(path_, tensors, Overwrite::refuse, {{"format", "pt"}, {"x", "\xC3\xA4"}});
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "model.safetensors";
  std::vector<float> values_;
  std::vector<std::byte> integers_ = std::vector<std::byte>(16, std::byte{1});
};

TEST_F(SafetensorsTest, ReadsBackEveryFloatType) {
  const SafetensorsFile file = SafetensorsFile::open(path_);
  for (const char* name : {"F64", "F32", "F16", "BF16"}) {
    EXPECT_EQ(file.read(name), values_) << name;
    EXPECT_THAT(file.at(name).shape, ElementsAre(3, 1, 4));
  }
  EXPECT_EQ(file.at("steps").type, StoredType::i64);
  EXPECT_TRUE(std::equal(integers_.begin(), integers_.end(), file.at("steps").bytes.begin()));
  EXPECT_TRUE(file.read("empty").empty());
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}, {"x", "\xC3\xA4"}}));
  EXPECT_EQ(file.entries().size(), 6U);
  EXPECT_EQ(file.path(), path_);
}

TEST_F(SafetensorsTest, EntriesSurviveAMove) {
  SafetensorsFile first = SafetensorsFile::open(path_);
  const SafetensorsFile second = std::move(first);
  EXPECT_EQ(second.read("F32"), values_);
}

TEST_F(SafetensorsTest, SaysWhatIsMissing) {
  const SafetensorsFile file = SafetensorsFile::open(path_);
  EXPECT_EQ(file.find("nothing"), nullptr);
  expect_error(ErrorCode::corrupt, AllOf(HasSubstr(path_.string()), HasSubstr("\"nothing\"")),
               [&] { file.read("nothing"); });
  expect_error(ErrorCode::user, AllOf(HasSubstr("\"steps\""), HasSubstr("I64")),
               [&] { file.read("steps"); });
  std::vector<float> small(11);
  expect_error(ErrorCode::internal, AllOf(HasSubstr("12 elements"), HasSubstr("not 11")),
               [&] { file.read_f32(file.at("F32"), small); });
}

// Whoever reads it, and however little: no zeros are taken for numbers.
TEST_F(SafetensorsTest, AFileThatIsShortenedWhileItIsOpenIsRefused) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "a.safetensors";
  const std::vector<float> values(5'000, 1.0F);
  write_safetensors(path, {{.name = "a", .shape = {5'000}, .values = values}}, Overwrite::refuse);
  const SafetensorsFile file = SafetensorsFile::open(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  expect_error(ErrorCode::corrupt, path.string() + ": another program has shortened this file",
               [&] { file.read("a"); });
}

TEST_F(SafetensorsTest, FilesThatCannotBeOpened) {
  const auto open = [](const std::filesystem::path& path) {
    return [path] { SafetensorsFile::open(path); };
  };
  expect_error(ErrorCode::io, AllOf(HasSubstr("absent"), HasSubstr("No such file")),
               open(folder_ / "absent.safetensors"));
  expect_error(ErrorCode::io, HasSubstr("Is a directory"), open(folder_.path()));
  ddim::test::write_text(folder_ / "empty", "");
  expect_error(ErrorCode::corrupt, HasSubstr("too short"), open(folder_ / "empty"));
}

}  // namespace
}  // namespace ddim::engine::io
