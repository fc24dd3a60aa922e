#include "data/cifar10.h"

#include "data/dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::data {
namespace {

using test::expect_error;

constexpr std::size_t kRecordBytes = 3073;

std::vector<std::uint8_t> two_records() {
  std::vector<std::uint8_t> bytes(2 * kRecordBytes);
  bytes[0] = 9;
  bytes[kRecordBytes] = 3;
  // Pixel (row 1, column 2) of the second image: red 10, green 20, blue 30.
  for (std::size_t channel = 0; channel < 3; ++channel)
    bytes[kRecordBytes + 1 + channel * 1024 + 34] = static_cast<std::uint8_t>(10 * (channel + 1));
  return bytes;
}

TEST(Cifar10, InterleavesThePlanes) {
  const auto [images, labels] = parse_cifar10(two_records(), "f", 2);
  EXPECT_THAT(labels, ::testing::ElementsAre(9, 3));
  EXPECT_EQ(images.count, 2);
  EXPECT_EQ(images.image_bytes(), 3072U);
  EXPECT_THAT(images[1].subspan(3 * 34, 3), ::testing::ElementsAre(10, 20, 30));
  EXPECT_EQ(images[1][0], 0);
}

TEST(Cifar10, RejectsEveryOtherLength) {
  const std::vector<std::uint8_t> bytes = two_records();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    expect_error(ErrorCode::corrupt, "batch.bin: 2 records",
                 [&] { parse_cifar10(std::span(bytes).first(size), "batch.bin", 2); });
  expect_error(ErrorCode::corrupt, "30730000 bytes, found 6146",
               [&] { parse_cifar10(bytes, "batch.bin"); });
}

TEST(Cifar10, RejectsLabelsAbove9) {
  std::vector<std::uint8_t> bytes = two_records();
  bytes[kRecordBytes] = 10;
  expect_error(ErrorCode::corrupt, "record 1 has label 10", [&] { parse_cifar10(bytes, "f", 2); });
}

/// Two images as Python 2 pickled them, by protocol 2.
std::string python_batch(const std::string& planes, const std::string& type = "u1",
                         const std::string& label = "K\x03", char is_fortran = '\x89') {
  using namespace std::string_literals;
  std::string size(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) size[i] = static_cast<char>(planes.size() >> 8 * i);
  return "\x80\x02}q\0(U\4dataq\1cnumpy.core.multiarray\n_reconstruct\nq\2"
         "cnumpy\nndarray\nq\3K\0\x85U\1b\x87Rq\4(K\1K\2M\0\x0c\x86"
         "cnumpy\ndtype\nU\2"s +
         type + "K\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"s + is_fortran +
         "T" + size + planes + "tbU\6labels](K\x09"s + label + "eu.";
}

Cifar10 parse_python(const std::string& text) {
  return parse_cifar10_pickle({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                              "batch");
}

TEST(Cifar10, ReadsThePythonVersion) {
  const std::vector<std::uint8_t> records = two_records();
  std::string planes(records.begin() + 1, records.begin() + kRecordBytes);
  planes.append(records.begin() + kRecordBytes + 1, records.end());
  const auto [images, labels] = parse_python(python_batch(planes));
  EXPECT_THAT(labels, ::testing::ElementsAre(9, 3));
  EXPECT_EQ(images.pixels, parse_cifar10(records, "f", 2).images.pixels);

  const auto refused = [](const std::string& file, const std::string& reason) {
    expect_error(ErrorCode::corrupt, reason, [&] { parse_python(file); });
  };
  const std::string what = "batch: not a file of CIFAR-10's Python version";
  refused(python_batch(planes, "i1"), what);
  refused(python_batch(planes.substr(1)), what);
  refused(python_batch(""), what);
  refused(python_batch(planes, "u1", "K\x03", '\x88'), what);
  refused(python_batch(planes, "u1", ""), what);
  refused(python_batch(planes, "u1", "K\x0a"), "label 1 is");
  refused("\x80\x02}.", what);
  refused("cos\nsystem\n(S'true'\ntR.", "it asks for \"os.system\"");
  const std::string good = python_batch(planes);
  for (std::size_t size = 0; size < good.size(); size += 97)
    EXPECT_THROW(parse_python(good.substr(0, size)), Error) << size;
}

// pickle.dumps({"data": numpy.tile(numpy.arange(256, dtype=uint8), 24).reshape(2, 3072), "labels":
// [9, 3], ...}, protocol=4) of NumPy 2, whose functions have moved.
TEST(Cifar10, ReadsWhatNumPy2Pickles) {
  const auto [images, labels] =
      parse_python(test::read_text("tests/fuzz/corpus/cifar10/protocol4.pkl"));
  EXPECT_THAT(labels, ::testing::ElementsAre(9, 3));
  EXPECT_EQ(images.count, 2);
  EXPECT_THAT(images[1].subspan(3 * 34, 3), ::testing::ElementsAre(34, 34, 34));
}

const std::vector<std::string> kNames{"airplane", "automobile", "bird",  "cat",  "deer",
                                      "dog",      "frog",       "horse", "ship", "truck"};

std::string lines_of(const std::vector<std::string>& names, const std::string& ending) {
  std::string text;
  for (const std::string& name : names) text += name + ending;
  return text;
}

/// pickle.dumps({"num_vis": 3072, "label_names": names}, protocol=2) of Python 2.
std::string python_names(const std::vector<std::string>& names) {
  using namespace std::string_literals;
  std::string text = "\x80\x02}q\1(U\7num_visq\2M\0\x0cU\x0blabel_namesq\3]q\4("s;
  for (const std::string& name : names)
    text += "U" + std::string(1, static_cast<char>(name.size())) + name;
  return text + "eu.";
}

std::vector<std::string> names_in_python(const std::string& text) {
  return parse_cifar10_names_pickle(
      {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, "batches.meta");
}

TEST(Cifar10, ReadsTheNamesOfTheClasses) {
  EXPECT_EQ(parse_cifar10_names(lines_of(kNames, "\n")), kNames);
  EXPECT_EQ(parse_cifar10_names(lines_of(kNames, "\n") + "\n"),
            kNames);  // as the official file ends
  EXPECT_EQ(parse_cifar10_names(lines_of(kNames, "\r\n")), kNames);
  EXPECT_EQ(names_in_python(python_names(kNames)), kNames);
}

TEST(Cifar10, HasNoNamesByWhatDoesNotNameTenClasses) {
  const std::vector<std::string> nine(kNames.begin(), kNames.end() - 1);
  std::vector<std::string> eleven = kNames;
  eleven.push_back("boat");
  for (const auto& names : {nine, eleven, {}}) {
    EXPECT_TRUE(parse_cifar10_names(lines_of(names, "\n")).empty());
    EXPECT_TRUE(names_in_python(python_names(names)).empty());
  }
  EXPECT_TRUE(names_in_python("\x80\x02}.").empty());
  EXPECT_TRUE(names_in_python("\x80\x02K\x01.").empty());
  expect_error(ErrorCode::corrupt, "batches.meta", [] { names_in_python("\x80\x02}"); });
}

TEST(Cifar10, AFolderNamesItsClasses) {
  const test::TemporaryFolder folder;
  test::write_text(folder.path() / "test_batch.bin", std::string(10000 * 3073, 5));
  const auto load = [&] {
    return load_dataset(folder.path(), {.split = DataSplit::test, .labels = Labels::read});
  };
  EXPECT_TRUE(load().report.classes.empty());
  test::write_text(folder.path() / "batches.meta.txt", lines_of(kNames, "\n"));
  const Dataset named = load();
  ASSERT_EQ(named.report.classes.size(), 10U);
  EXPECT_EQ(named.report.classes[5].name, "dog");
  EXPECT_EQ(named.report.classes[5].images, 10000);
  EXPECT_EQ(named.report.classes[6].images, 0);
  EXPECT_TRUE(named.report.notices.empty());
  test::write_text(folder.path() / "batches.meta.txt", "dog\n");
  const Dataset odd = load();
  EXPECT_TRUE(odd.report.classes.empty());
  EXPECT_THAT(odd.report.notices,
              ::testing::ElementsAre(::testing::HasSubstr("does not name ten classes")));
}

}  // namespace
}  // namespace ddim::engine::data
