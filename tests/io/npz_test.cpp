#include "io/npz.h"

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/file_input.h"
#include "io/zip_writer.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::io {
namespace {

using test::expect_error;
using test::text_of;
using ::testing::ElementsAre;

constexpr std::array<std::uint8_t, 6> kBytes{0, 1, 2, 253, 254, 255};
constexpr std::array<std::int64_t, 3> kNumbers{-1, 0, std::int64_t{1} << 40};
constexpr std::array<float, 2> kFloats{-0.5F, 1e-30F};

/// One array of each type, of 3, 1 and 2 axes.
std::string three_arrays() {
  return text_of(npz_content(
      {{.name = "arr_0",
        .type = "|u1",
        .shape = {1, 3, 2},
        .bytes = std::as_bytes(std::span(kBytes))},
       {.name = "arr_1", .type = "<i8", .shape = {3}, .bytes = std::as_bytes(std::span(kNumbers))},
       {.name = "x", .type = "<f4", .shape = {2, 1}, .bytes = std::as_bytes(std::span(kFloats))}}));
}

std::vector<NpzArray> parse_file(std::string_view file) {
  return parse_npz(std::as_bytes(std::span(file)), "a.npz");
}

void expect_three_arrays(std::string_view file) {
  const std::vector<NpzArray> arrays = parse_file(file);
  ASSERT_EQ(arrays.size(), 3U);
  const auto expect = [](const NpzArray& array, const char* name, const char* type,
                         const auto& values) {
    EXPECT_EQ(array.name, name);
    EXPECT_EQ(array.type, type);
    ASSERT_EQ(array.bytes.size(), sizeof values);
    EXPECT_EQ(std::memcmp(array.bytes.data(), values.data(), sizeof values), 0) << name;
  };
  expect(arrays[0], "arr_0", "|u1", kBytes);
  expect(arrays[1], "arr_1", "<i8", kNumbers);
  expect(arrays[2], "x", "<f4", kFloats);
  EXPECT_THAT(arrays[0].shape, ElementsAre(1, 3, 2));
  EXPECT_THAT(arrays[1].shape, ElementsAre(3));
  EXPECT_THAT(arrays[2].shape, ElementsAre(2, 1));
}

/// An .npz file with the array a.npy: this dictionary and these bytes.
std::string archive_of(const std::string& dictionary, const std::string& data,
                       const std::string& magic = std::string("\x93NUMPY\x01\x00", 8)) {
  auto text = magic + static_cast<char>(dictionary.size()) + '\0' + dictionary + data;
  std::vector<ZipMember> members;
  members.push_back(
      {.name = "a.npy", .content = FileContent(text.size(), [text](const ByteSink& sink) {
                          sink(std::as_bytes(std::span(text)));
                        })});
  return text_of(zip_content(std::move(members)));
}

TEST(Npz, ArraysOfEachTypeComeBack) { expect_three_arrays(three_arrays()); }

TEST(Npz, AFileThatIsCutOffIsRefused) {
  const std::string whole = three_arrays();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(parse_file(std::string_view(whole).substr(0, size)), Error) << size;
}

TEST(Npz, AnArrayThatIsCutOffIsRefused) {
  const std::string data(3, 'x');
  const std::string dictionary = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
  EXPECT_THAT(parse_file(archive_of(dictionary, data))[0].shape, ElementsAre(3));
  for (std::size_t size = 0; size < dictionary.size(); ++size)
    EXPECT_THROW(parse_file(archive_of(dictionary.substr(0, size), "")), Error) << size;
  for (std::size_t size = 0; size < data.size(); ++size)
    expect_error(ErrorCode::corrupt, "a.npz: array a: ", [&] {
      parse_file(archive_of(dictionary, data.substr(0, size)));
    });
}

TEST(Npz, ReadsArraysWithoutElementsOrAxes) {
  EXPECT_THAT(
      parse_file(archive_of("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 7), }", ""))[0]
          .shape,
      ElementsAre(0, 7));
  EXPECT_THAT(
      parse_file(archive_of("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "x"))[0]
          .shape,
      ElementsAre());
}

TEST(Npz, SaysWhatIsWrongWithAnArray) {
  struct Case {
    const char *dictionary, *message;
  };
  for (const Case& bad : {
           Case{"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "its type is <c8"},
           Case{"{'descr': '>i8', 'fortran_order': False, 'shape': (1,), }",
                "its type is >i8 (of a big-endian machine); save array.astype('<i8') of it"},
           Case{"{'descr': '>c8', 'fortran_order': False, 'shape': (1,), }",
                "its type is >c8; expected |u1"},
           Case{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
                "it is a structured array; save each of its fields"},
           Case{"{'fortran_order': False, 'shape': (8,), }", "its type is"},
           Case{"{'descr': '|u1', 'fortran_order': True, 'shape': (8,), }", "not in C order"},
           Case{"{'descr': '|u1', 'shape': (8,), }", "not in C order"},
           Case{"{'descr': '|u1', 'fortran_order': False, }", "its shape cannot be read"},
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': 8, }", "its shape cannot"},
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': (8", "its shape cannot"},
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': (-8,), }", "its shape cannot"},
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': (8x,), }", "its shape cannot"},
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }", "8 bytes do not fit"},
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }", "8 bytes do not fit"},
           Case{"{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", "8 bytes do not fit"},
           // 2^64 + 8 bytes, were they not counted with care.
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
                "8 bytes do not fit"},
           Case{"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,), }",
                "its shape cannot"},
       })
    expect_error(ErrorCode::corrupt, std::vector<std::string>{"a.npz: array a: ", bad.message},
                 [&] { parse_file(archive_of(bad.dictionary, "12345678")); });
  expect_error(ErrorCode::corrupt,
               "a.npz: array a: it has version 2.0 of the .npy format; save it with numpy.save",
               [] {
                 parse_file(archive_of("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }",
                                       "x", std::string("\x93NUMPY\x02\x00", 8)));
               });
  expect_error(ErrorCode::corrupt, "a.npz: array a: not the start of a .npy file", [] {
    parse_file(archive_of("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", "x",
                          std::string("\x93MUMPY\x01\x00", 8)));
  });
  expect_error(ErrorCode::corrupt, "a.npz: holds no arrays",
               [] { parse_file(text_of(zip_content({}))); });
}

TEST(Npz, StoredArraysThatAreDamagedAreRefused) {
  const std::string whole = three_arrays();
  for (const char* of_array : {"\xfd\xfe\xff", "\xff\xff\xff\xff\xff\xff"}) {
    std::string damaged = whole;
    damaged[damaged.find(of_array)] ^= 1;
    for (const OddArrays odd : {OddArrays::refuse, OddArrays::keep})
      expect_error(ErrorCode::corrupt, "a.npz: bad zip archive: entry \"arr_",
                   [&] { parse_npz(std::as_bytes(std::span(damaged)), "a.npz", odd); });
  }
}

TEST(Npz, CompressedFilesThatAreDamagedAreRefused) {
  const std::string whole = read_file("tests/data/arrays/compressed_many.npz", 1 << 20);
  EXPECT_EQ(parse_file(whole).size(), 2U);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(parse_file(std::string_view(whole).substr(0, size)), Error) << size;
  const std::size_t data_at = whole.find(".npy") + 40;
  for (std::size_t at = data_at; at < whole.find("PK", data_at); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_THROW(parse_file(damaged), Error) << at;
  }
  // An entry that claims to unpack to 4 GB, in both of its headers.
  std::string bomb = whole;
  for (const char* header : {"PK\x03\x04", "PK\x01\x02"}) {
    const std::size_t local = std::string_view(header)[2] == 3 ? 22 : 24;
    bomb.replace(bomb.find(header) + local, 4, "\xff\xff\xff\xf0");
  }
  EXPECT_THROW(parse_file(bomb), Error);
}

TEST(Npz, NumPyReadsOursAndWeReadNumPys) {
  const std::string python = test::find_python("numpy");
  if (python.empty()) GTEST_SKIP() << test::no_python_with("numpy");
  const test::TemporaryFolder folder;
  write_file_durably(folder / "ours.npz", three_arrays(), Overwrite::refuse);
  const std::string command =
      python +
      " -c \"import numpy as n, sys; f = n.load(sys.argv[1]); "
      "assert f['arr_0'].tolist() == [[[0, 1], [2, 253], [254, 255]]], f['arr_0']; "
      "assert f['arr_1'].tolist() == [-1, 0, 2**40], f['arr_1']; "
      "assert f['x'].dtype == n.float32 and f['x'].shape == (2, 1); "
      "assert f['x'][1, 0] == n.float32(1e-30); "
      "n.savez(sys.argv[2], f['arr_0'], f['arr_1'], x=f['x'])\" '" +
      (folder / "ours.npz").string() + "' '" + (folder / "theirs.npz").string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::string theirs = read_file(folder / "theirs.npz", 1 << 20);
  std::vector<NpzArray> arrays = parse_file(theirs);
  std::ranges::sort(arrays, {}, &NpzArray::name);
  expect_three_arrays(text_of(npz_content(arrays)));
}

// Of a file whose other arrays cannot be read, and of one without those that are wanted.
TEST(Npz, ReadsNamesAndThoseThatAreWantedAlone) {
  const std::string texts = read_file("tests/data/arrays/texts.npz", 1000);
  const auto bytes = std::as_bytes(std::span(texts));
  const std::vector<std::string> names = names_in_npz(bytes, "texts.npz");
  ASSERT_EQ(names.size(), 2U);
  const std::string three = three_arrays();
  constexpr std::array<std::string_view, 2> kWanted{"x", "mu"};
  const auto arrays =
      parse_npz(std::as_bytes(std::span(three)), "a.npz", OddArrays::refuse, kWanted);
  ASSERT_EQ(arrays.size(), 1U);
  EXPECT_EQ(arrays.front().name, "x");
  EXPECT_EQ(parse_npz(bytes, "texts.npz", OddArrays::refuse, kWanted).size(), 1U);  // not the texts
  EXPECT_TRUE(parse_npz(bytes, "texts.npz", OddArrays::refuse, std::span(kWanted).last(1)).empty());
}

}  // namespace
}  // namespace ddim::engine::io
