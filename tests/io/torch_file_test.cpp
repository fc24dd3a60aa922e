// Files that PyTorch wrote (tools/make_torch_fixtures.py), and the same, damaged.
#include "io/torch_file.h"

#include <gtest/gtest.h>

#include <random>

#include "io/torch_writer.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using ddim::test::read_text;
using test::bytes_of;
using testing::AllOf;
using testing::HasSubstr;

const std::filesystem::path kFolder = "tests/io/torch";

std::vector<float> values_of(const TorchContents& contents, const char* name) {
  const auto value = contents.tree->root().find(name);
  EXPECT_TRUE(value && is_tensor(*value)) << name;
  const TensorEntry entry = tensor_of(contents, *value, name, "a.pth");
  std::vector<float> values(static_cast<std::size_t>(entry.num_elements()));
  read_f32(entry, values);
  return values;
}

/// What numbers(n) of the script gives.
std::vector<float> numbers(int first, int count) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(first + i) - 2.5F);
  return values;
}

class State : public testing::TestWithParam<const char*> {};

TEST_P(State, IsReadAsItWasWritten) {
  const TorchFile file = open_torch_file(kFolder / GetParam());
  const TorchContents& contents = file.contents;
  ASSERT_EQ(file.root().size(), 11U);
  EXPECT_EQ(values_of(contents, "f32"), numbers(0, 6));
  EXPECT_EQ(values_of(contents, "f16"), numbers(0, 4));
  EXPECT_EQ(values_of(contents, "bf16"), numbers(0, 4));
  EXPECT_EQ(values_of(contents, "f64"), numbers(0, 3));
  EXPECT_EQ(values_of(contents, "scalar"), std::vector<float>{7.5F});
  EXPECT_TRUE(values_of(contents, "empty").empty());
  EXPECT_EQ(values_of(contents, "part"), numbers(3, 4));
  EXPECT_EQ(values_of(contents, "other_part"), numbers(6, 3));
  EXPECT_EQ(values_of(contents, "parameter"), numbers(0, 3));

  const TensorEntry i64 = tensor_of(contents, *file.root().find("i64"), "i64", "a.pth");
  EXPECT_EQ(i64.type, StoredType::i64);
  EXPECT_EQ(i64.bytes.size(), 40U);

  // [2,3,4] seen as [4,2,3]: element (a,b,c) is that of (b,c,a).
  const TensorEntry permuted =
      tensor_of(contents, *file.root().find("permuted"), "permuted", "a.pth");
  EXPECT_EQ(permuted.shape, (std::vector<std::int64_t>{4, 2, 3}));
  const std::vector<float> values = values_of(contents, "permuted");
  for (int a = 0; a < 4; ++a)
    for (int b = 0; b < 2; ++b)
      for (int c = 0; c < 3; ++c)
        EXPECT_EQ(values[static_cast<std::size_t>((a * 2 + b) * 3 + c)],
                  static_cast<float>((b * 3 + c) * 4 + a) - 2.5F);
}

INSTANTIATE_TEST_SUITE_P(TorchFile, State,
                         testing::Values("state.pth", "state_protocol3.pth", "state_protocol4.pth",
                                         "state_protocol5.pth", "state_legacy.pth"));

TEST(TorchFile, FloatsOf8BitsAreRead) {
  for (const char* name : {"eighths.pth", "eighths_legacy.pth"}) {
    SCOPED_TRACE(name);
    const TorchFile file = open_torch_file(kFolder / name);
    EXPECT_EQ(values_of(file.contents, "e4m3"), numbers(0, 6));
    EXPECT_EQ(values_of(file.contents, "e5m2"), numbers(2, 3));
    EXPECT_EQ(values_of(file.contents, "parameter"), numbers(0, 3));
    EXPECT_EQ(tensor_of(file.contents, *file.root().find("e5m2"), "t", "a.pth").type,
              StoredType::f8_e5m2);
  }
  const TorchFile odd = open_torch_file(kFolder / "odd_eighths.pth");
  EXPECT_FALSE(is_tensor(*odd.root().find("w")));
}

TEST(TorchFile, NumbersThatAreToBeNegatedAreRefused) {
  const TorchFile file = open_torch_file(kFolder / "negated.pth");
  expect_error(ErrorCode::corrupt, "tensor \"w\" has the mark \"neg\"",
               [&] { tensor_of(file.contents, *file.root().find("negated"), "w", "a.pth"); });
  EXPECT_EQ(values_of(file.contents, "unmarked"), numbers(0, 6));
}

TEST(TorchFile, ADamagedDescriptionIsToldWhereItCannotBeReadAndNotedWhereItCan) {
  std::string file = read_text(kFolder / "eighths.pth");
  EXPECT_EQ(parse_torch(bytes_of(file), "a.pth").damage, "");
  file.replace(file.find("e5m2"), 4, "e5m1");
  const TorchContents contents = parse_torch(bytes_of(file), "a.pth");
  EXPECT_THAT(contents.damage, AllOf(HasSubstr("a.pth"), HasSubstr("data.pkl\" is damaged")));
  EXPECT_TRUE(contents.tree->root().find("e5m1"));
  file.replace(file.find("\x80\x02}"), 2, "\x80\x09");
  expect_error(ErrorCode::corrupt, HasSubstr("data.pkl\" is damaged"),
               [&] { parse_torch(bytes_of(file), "a.pth"); });
}

class Extras : public testing::TestWithParam<const char*> {};

// What training scripts keep beside weights hinders nobody; a dict of another type is a dict.
TEST_P(Extras, AreKeptUnopened) {
  const TorchFile file = open_torch_file(kFolder / GetParam());
  const TorchContents& contents = file.contents;
  const PickleValue weights = file.root().find("weights").value();
  ASSERT_EQ(weights.size(), 3U);
  for (const auto& [name, count] : {std::pair("tensor", 6), {"parameter", 3}, {"plain", 4}}) {
    const TensorEntry entry = tensor_of(contents, *weights.find(name), name, "a.pth");
    std::vector<float> values(static_cast<std::size_t>(entry.num_elements()));
    read_f32(entry, values);
    EXPECT_EQ(values, numbers(0, count)) << name;
  }
  const auto described = [&](const char* key) { return file.root().find(key)->describe(); };
  EXPECT_EQ(described("epoch"), "the number 3");
  EXPECT_EQ(described("args"), "an object of argparse.Namespace");
  EXPECT_THAT(described("best"), testing::EndsWith("core.multiarray.scalar"));
  EXPECT_THAT(described("mean"), testing::EndsWith("core.multiarray._reconstruct"));
  EXPECT_EQ(described("dtype"), "an object of numpy.dtype");
  EXPECT_EQ(described("device"), "an object of torch.device");
  EXPECT_EQ(described("shape"), "a tuple of 2");
  EXPECT_EQ(described("type"), "torch bfloat16");
  EXPECT_EQ(described("counts"), "a dictionary of 1");
  EXPECT_EQ(described("when"), "an object of datetime.datetime");
  EXPECT_EQ(described("phase"), "an object of __main__.Phase");
  EXPECT_EQ(described("meter"), "an object of __main__.Meter");
  EXPECT_EQ(described("class"), "__main__ Meter");
  EXPECT_EQ(described("keys"), "a dictionary of 5");
  EXPECT_EQ(contents.storages.size(), 4U);
  expect_error(ErrorCode::corrupt, HasSubstr("tensor \"z\" holds numbers of a type that is not"),
               [&] { tensor_of(contents, *file.root().find("complex"), "z", "a.pth"); });
}

INSTANTIATE_TEST_SUITE_P(TorchFile, Extras,
                         testing::Values("extras.pth", "extras_protocol4.pth",
                                         "extras_legacy.pth"));

/// Touches every element that a file gives access to, so that a sanitizer sees one too many.
/// Whether the file was accepted.
bool is_well_formed(const std::string& file) {
  try {
    const TorchContents contents = parse_torch(bytes_of(file), "damaged.pth");
    std::vector<float> values;
    for (std::uint32_t id = 0; id < contents.tree->num_values(); ++id) {
      const PickleValue value = contents.tree->value(id);
      if (!is_tensor(value)) continue;
      const TensorEntry entry = tensor_of(contents, value, "t", "damaged.pth");
      values.resize(static_cast<std::size_t>(entry.num_elements()));
      if (entry.type != StoredType::i64) read_f32(entry, values);
    }
    return true;
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_NE(message.find("damaged.pth"), std::string::npos) << message;
    EXPECT_EQ(error.code(), ErrorCode::corrupt) << message;
    return false;
  }
}

class Damage : public testing::TestWithParam<const char*> {
 protected:
  const std::string file_ = read_text(kFolder / GetParam());
};

TEST_P(Damage, EveryTruncationIsRefused) {
  ASSERT_TRUE(is_well_formed(file_));
  for (std::size_t size = 0; size < file_.size(); ++size)
    EXPECT_FALSE(is_well_formed(file_.substr(0, size))) << size;
  EXPECT_FALSE(is_well_formed(file_ + "x"));
}

TEST_P(Damage, EveryFlippedBitIsRefusedOrHarmless) {
  for (std::size_t bit = 0; bit < 8 * file_.size(); ++bit) {
    std::string damaged = file_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    is_well_formed(damaged);
    if (HasFailure()) break;
  }
}

TEST_P(Damage, RandomMutationsAreRefusedOrHarmless) {
  std::mt19937 random(7);
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (int i = 0; i < 2'000 && !HasFailure(); ++i) {
    std::string damaged = file_;
    for (std::size_t count = 1 + below(4); count > 0 && !damaged.empty(); --count) {
      const std::size_t at = below(damaged.size());
      switch (below(3)) {
        case 0:
          damaged.erase(at, 1 + below(8));
          break;
        case 1:
          damaged.insert(at, damaged.substr(below(damaged.size()), below(16)));
          break;
        default:
          damaged[at] = static_cast<char>(below(256));
      }
    }
    is_well_formed(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(TorchFile, Damage,
                         testing::Values("state.pth", "state_legacy.pth", "official.pth",
                                         "official_legacy.pth"));

// --- files that lie ---

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(TorchFile, AFlippedBitInThePickleIsFound) {
  std::string file = read_text(kFolder / "state.pth");
  file[file.find("bf16") + 1] = 'g';
  EXPECT_THAT(parse_torch(bytes_of(file), "a.pth").damage, HasSubstr("data.pkl\" is damaged"));
}

struct Lie {
  const char* name;
  std::string from, to;  ///< of the legacy file, which has no checksum
  const char* message;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

class LyingStream : public testing::TestWithParam<Lie> {};

TEST_P(LyingStream, IsRefused) {
  const std::string file =
      replaced(read_text(kFolder / "state_legacy.pth"), GetParam().from, GetParam().to);
  expect_error(ErrorCode::corrupt, AllOf(HasSubstr("a.pth"), HasSubstr(GetParam().message)), [&] {
    const TorchContents contents = parse_torch(bytes_of(file), "a.pth");
    tensor_of(contents, *contents.tree->root().find("f32"), "f32", "a.pth");
  });
}

using namespace std::string_literals;
INSTANTIATE_TEST_SUITE_P(
    Io, LyingStream,
    testing::Values(
        Lie{"OtherVersion", "M\xe9\x03.", "M\xea\x03.", "version is the number 1002"},
        Lie{"BigEndian", "little_endianq\x02\x88", "little_endianq\x02\x89", "little-endian"},
        Lie{"OtherWord", "storage", "storagf", "refers to its numbers by"},
        Lie{"OtherRebuild", "_rebuild_tensor_v2", "_rebuild_tensor_v9", "_rebuild_tensor_v9"},
        Lie{"OtherStorage", "FloatStorage", "GloatStorage", "GloatStorage"},
        Lie{"CountOfAStorage", "cpuq\x07K\x06", "cpuq\x07K\x07", "storage"},
        Lie{"ShapeTooLarge", "K\x02K\x03\x86", "K\x09K\x03\x86", "reaches beyond its storage"},
        Lie{"StrideTooLarge", "K\x03K\x01\x86", "K\x09K\x01\x86", "reaches beyond its storage"},
        Lie{"MoreElementsThanStored", "K\x02K\x03\x86q\x09K\x03K\x01\x86",
            "K\x02K\x04\x86q\x09K\x00K\x01\x86"s, "more elements than its storage"}),
    [](const auto& lie) { return std::string(lie.param.name); });

TEST(TorchFile, StrangersAreNamed) {
  struct Stranger {
    std::string file;
    const char* message;
  };
  const Stranger strangers[] = {
      {"", "no file of torch.save"},
      {"version https://git-lfs.github.com/spec/v1\n", "git-LFS pointer"},
      {"<!DOCTYPE html><html>", "HTML page"},
      {"\n<html>", "HTML page"},
      {"\x1f\x8b\x08", "gzip"},
      {"\x89HDF\r\n\x1a\n", "HDF5"},
      {"\x89PNG\r\n\x1a\n", "picture"},
      {"II*\0\x08\0\0\0"s, "picture"},
      {"RIFF\x10\0\0\0WEBP"s, "picture"},
      {std::string(257, 'x') + "ustar" + std::string(300, 'x'), "tar archive"},
      {"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x01K\x02\x86."s, "no file of torch.save"},
      {"\x80\x02"s + "ctorch_utils.persistence\n_reconstruct_persistent_obj\n.",
       "torch_utils.persistence._reconstruct_persistent_obj"},
  };
  for (const Stranger& stranger : strangers) {
    expect_error(ErrorCode::corrupt, AllOf(HasSubstr("a.pth"), HasSubstr(stranger.message)),
                 [&] { parse_torch(bytes_of(stranger.file), "a.pth"); });
  }
}

// --- what we write ---

TEST(TorchWriter, GivesBackWhatWasWritten) {
  const std::vector<float> values = {1, -2, 3.5F, 4, 5, 6};
  TorchWriter writer("archive");
  writer.open_list();
  writer.open_dict();
  writer.text("w");
  writer.tensor({.name = "w", .shape = {2, 3}, .values = values});
  writer.text("half");
  writer.tensor({.name = "half", .type = StoredType::f16, .shape = {6, 1}, .values = values});
  writer.close_dict();
  writer.integer(-5);
  writer.integer(std::int64_t{1} << 40);
  writer.real(2.5);
  writer.real_pair(0.9, 0.999);
  writer.boolean(false);
  writer.none();
  writer.text("caf\xC3\xA9");
  writer.close_list();
  const std::string file = test::text_of(std::move(writer).content());
  const TorchContents contents = parse_torch(bytes_of(file), "a.pth");
  const PickleValue root = contents.tree->root();
  ASSERT_EQ(root.size(), 8U);
  for (const char* name : {"w", "half"}) {
    const TensorEntry entry = tensor_of(contents, *root[0].find(name), name, "a.pth");
    std::vector<float> found(6);
    read_f32(entry, found);
    EXPECT_EQ(found, values);
  }
  EXPECT_EQ(root[1].integer(), -5);
  EXPECT_EQ(root[2].integer(), std::int64_t{1} << 40);
  EXPECT_EQ(root[3].real(), 2.5);
  EXPECT_EQ(root[4][1].real(), 0.999);
  EXPECT_EQ(root[5].integer(), 0);
  EXPECT_TRUE(root[6].is(PickleKind::none));
  EXPECT_EQ(root[7].text(), "caf\xC3\xA9");
}

TEST(TorchWriter, RefusesWhatPyTorchHasNoStorageFor) {
  const std::vector<std::byte> bytes(2);
  TorchWriter writer("archive");
  expect_error(ErrorCode::user, HasSubstr("U16"), [&] {
    writer.tensor({.name = "w", .type = StoredType::u16, .shape = {1}, .bytes = bytes});
  });
}

}  // namespace
}  // namespace ddim::engine::io
