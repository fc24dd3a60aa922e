// Archives as PyTorch writes them, and those that lie.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "io/zip_reader.h"
#include "io/zip_writer.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

using namespace std::string_literals;
using ddim::test::expect_error;
using test::bytes_of;
using test::text_of;
using testing::AllOf;
using testing::HasSubstr;

std::string archive() {
  return text_of(zip_content({{"a/data.pkl", "first"}, {"a/data/0", "second file"}, {"a/e", ""}}));
}

std::string_view content_of(const ZipEntry& entry) {
  return {reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size()};
}

TEST(Zip, GivesBackWhatWasWritten) {
  const std::string file = archive();
  const std::vector<ZipEntry> entries = parse_zip(bytes_of(file), "a.zip");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "a/data.pkl");
  EXPECT_EQ(content_of(entries[0]), "first");
  EXPECT_EQ(entries[1].name, "a/data/0");
  EXPECT_EQ(content_of(entries[1]), "second file");
  EXPECT_EQ(content_of(entries[2]), "");
  EXPECT_EQ(zip_content({{"a", "b"}}).size_bytes, text_of(zip_content({{"a", "b"}})).size());
  for (const ZipEntry& entry : entries) {
    const auto offset =
        static_cast<std::size_t>(reinterpret_cast<const char*>(entry.bytes.data()) - file.data());
    EXPECT_EQ(offset % 64, 0U) << entry.name;
  }
}

// As members of 4 GiB have them.
TEST(Zip, SizesOf64Bits) {
  std::vector<ZipMember> members{{"a", "123"}, {"b/c", "12345"}, {"d", "6"}};
  const FileContent content = zip_content(members, 4);
  const std::string file = text_of(content);
  EXPECT_EQ(file.size(), content.size_bytes);
  EXPECT_EQ(file.size(), zip_content(members).size_bytes + 64 + 20);  // the rest is padding
  std::size_t number = 0;
  for (const ZipEntry& entry : parse_zip(bytes_of(file), "a.zip")) {
    EXPECT_EQ(text_of(members[number++].content), content_of(entry));
    require_stated_crc32(entry, entry.bytes, "a.zip");
    EXPECT_EQ((entry.bytes.data() - bytes_of(file).data()) % 64, 0) << entry.name;
  }
  EXPECT_EQ(number, 3U);

  const std::string python = ddim::test::find_python("zipfile");
  if (python.empty()) GTEST_SKIP() << ddim::test::no_python_with("zipfile");
  const ddim::test::TemporaryFolder folder;
  ddim::test::write_text(folder / "a.zip", file);
  const std::string command = python +
                              " -c \"import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); "
                              "assert z.testzip() is None and z.read('b/c') == b'12345'\" '" +
                              (folder / "a.zip").string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Zip, AnEmptyArchive) {
  const std::string file = text_of(zip_content({}));
  EXPECT_TRUE(parse_zip(bytes_of(file), "a.zip").empty());
}

TEST(Zip, ACommentAtTheEnd) {
  std::string file = archive();
  file[file.size() - 2] = 5;
  file += "hello";
  EXPECT_EQ(parse_zip(bytes_of(file), "a.zip").size(), 3U);
}

/// Changes bytes of the archive: places are counted from where `what` is found.
std::string with(std::string file, const std::string& what, std::size_t offset,
                 const std::string& bytes) {
  const std::size_t at = file.rfind(what);
  EXPECT_NE(at, std::string::npos);
  return file.replace(at + offset, bytes.size(), bytes);
}
const std::string kLocal = "PK\3\4", kDirectory = "PK\1\2", kEnd = "PK\5\6", kEnd64 = "PK\6\6",
                  kLocator = "PK\6\7";

struct Hostile {
  const char* name;
  std::function<std::string()> file;
  const char* message;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

/// The archive with bytes changed in its last record of a kind (entry "a/e", of no bytes).
Hostile changed(const char* name, const std::string& record, std::size_t offset,
                const std::string& bytes, const char* message) {
  return {name, [=] { return with(archive(), record, offset, bytes); }, message};
}
Hostile named(const char* name, const std::string& entry, const char* message) {
  return {name, [=] { return text_of(zip_content({{entry, "x"}})); }, message};
}

const std::vector<Hostile>& hostile_archives() {
  static const std::vector<Hostile> archives = {
      {"Empty", [] { return std::string(); }, "only 0 bytes long"},
      {"OnlyTheStart", [] { return "PK\3\4"s + std::string(100, 'x'); }, "no end record"},
      {"EndOnly", [] { return archive().substr(archive().rfind(kEnd)); }, "directory is said"},
      {"BytesAfterTheEnd", [] { return archive() + "x"; }, "no end record"},
      {"CutInTheMiddle", [] { return archive().substr(0, archive().size() / 2); }, "no end record"},
      {"CommentLongerThanTheFile", [] { return with(archive(), kEnd, 20, "\xff\xff"); },
       "no end record"},
      // Names
      named("NameLeadsUp", "../../etc/passwd", "leads out of the archive"),
      named("NameLeadsUpInTheMiddle", "a/../../b", "leads out of the archive"),
      named("NameIsAbsolute", "/etc/passwd", "is absolute"),
      named("NameWithNul", "a\0b"s, "control characters"),
      named("NameWithALineBreak", "a\nb", "control characters"),
      named("NameWithBackslashes", "..\\..\\b", "backslashes"),
      named("NameOf2000Bytes", std::string(2000, 'n'), "is too long"),
      named("NameIsEmpty", "", "is empty"),
      {"TwoOfOneName",
       [] {
         return text_of(zip_content({{"a", "1"}, {"a", "2"}}));
       },
       "two entries \"a\""},
      // Entries
      changed("Deflated", kDirectory, 10, "\x08", "is compressed (method 8)"),
      changed("Lzma", kDirectory, 10, "\x0e", "is compressed (method 14)"),
      changed("Encrypted", kDirectory, 8, "\x09", "is encrypted"),
      changed("StronglyEncrypted", kDirectory, 8, "\x48", "is encrypted"),
      {"SymbolicLink",
       [] { return with(with(archive(), kDirectory, 5, "\x03"), kDirectory, 40, "\xff\xa1"); },
       "symbolic link"},
      changed("OnAnotherVolume", kDirectory, 34, "\x01", "on another volume"),
      changed("BombOfAGigabyte", kDirectory, 24, "\0\0\0\x40"s,
              "has 0 bytes but claims 1073741824"),
      {"SizeBeyondTheDirectory",
       [] {
         return with(with(archive(), kDirectory, 20, "\0\0\0\x40"s), kDirectory, 24, "\0\0\0\x40"s);
       },
       "reaches beyond the directory"},
      {"OverlapsTheOneBefore", [] { return with(archive(), kDirectory, 42, "\0\0\0\0"s); },
       "contradicts the directory"},
      changed("HeaderBeyondTheFile", kDirectory, 42, "\xff\xff\xff\x7f", "is not at byte"),
      changed("HeaderInTheData", kDirectory, 42, "\x40\0\0\0"s, "is not at byte 64"),
      changed("OtherNameInside", kLocal, 30, "b", "contradicts the directory"),
      changed("OtherMethodInside", kLocal, 8, "\x08", "contradicts the directory"),
      changed("OtherFlagsInside", kLocal, 6, "\x09", "contradicts the directory"),
      changed("Zip64SizeWithoutItsField", kDirectory, 24, "\xff\xff\xff\xff", "claims 4294967295"),
      {"SameBytesTwice",
       [] {
         // Two entries whose headers lie in one another: b's is inside the data of a.
         const std::string inner = text_of(zip_content({{"b", "0123456789"}}));
         std::string file = text_of(zip_content({{"a", inner}}));
         const std::size_t first = file.rfind(kDirectory);
         std::string directory = file.substr(first, 46 + 1);
         const std::size_t inner_at = file.find(kLocal, 4);
         std::string second = inner.substr(inner.rfind(kDirectory), 46 + 1);
         second.replace(42, 1, std::string(1, static_cast<char>(inner_at)));
         const std::string end = text_of(zip_content({{"x", "y"}}));
         std::string records = end.substr(end.find(kEnd64));
         const auto put = [&records](std::size_t at, std::size_t value) {
           for (std::size_t i = 0; i < 8; ++i)
             records[at + i] = static_cast<char>(value >> 8 * i & 0xFF);
         };
         put(24, 2), put(32, 2), put(40, 94), put(48, first), put(56 + 8, first + 94);
         for (const std::size_t at : {76U + 8, 76U + 10}) records.replace(at, 2, "\2\0"s);
         records.replace(76 + 12, 4, "\x5e\0\0\0"s);
         records.replace(76 + 16, 4, std::string(4, '\xff'));
         return file.substr(0, first) + directory + second + records;
       },
       "overlap"},
      // The directory
      changed("DirectoryBeginsLater", kEnd64, 48, "\xff", "contradict"),
      {"DirectoryTooLong",
       [] { return with(with(archive(), kEnd64, 40, "\xff"), kEnd, 12, "\xff"); },
       "directory is said"},
      {"OneEntryTooMany",
       [] {
         std::string file = with(with(archive(), kEnd64, 24, "\4"), kEnd64, 32, "\4");
         return with(with(file, kEnd, 8, "\4"), kEnd, 10, "\4");
       },
       "cannot have 4 entries"},
      {"OneEntryTooFew",
       [] {
         std::string file = with(with(archive(), kEnd64, 24, "\2"), kEnd64, 32, "\2");
         return with(with(file, kEnd, 8, "\2"), kEnd, 10, "\2");
       },
       "longer than its 2 entries"},
      {"BillionsOfEntries",
       [] {
         const std::string many = "\xff\xff\xff\xff\xff\0\0\0"s;
         std::string file = with(with(archive(), kEnd64, 24, many), kEnd64, 32, many);
         return with(with(file, kEnd, 8, "\xff\xff"), kEnd, 10, "\xff\xff");
       },
       "cannot have"},
      changed("EndRecordsContradict", kEnd, 10, "\2", "contradict"),
      changed("SeveralVolumes", kEnd, 4, "\1", "several volumes"),
      changed("Zip64OnSeveralVolumes", kLocator, 16, "\2", "several volumes"),
      changed("Zip64RecordElsewhere", kLocator, 8, "\x01", "zip64 end record is not where"),
      changed("Zip64RecordFarAway", kLocator, 8, "\xff\xff\xff\xff\xff\xff\xff\xff",
              "zip64 end record is not where"),
      changed("Zip64RecordOfAnotherSize", kEnd64, 4, "\xff", "zip64 end record is not where"),
      changed("DirectorySignature", kDirectory, 0, "XX", "directory is damaged"),
      changed("NameBeyondTheDirectory", kDirectory, 28, "\xff\xff", "directory is damaged"),
  };
  return archives;
}

class HostileZip : public testing::TestWithParam<Hostile> {};

TEST_P(HostileZip, IsRefused) {
  const std::string file = GetParam().file();
  expect_error(ErrorCode::corrupt, AllOf(HasSubstr("a.zip"), HasSubstr(GetParam().message)),
               [&] { parse_zip(bytes_of(file), "a.zip"); });
}

INSTANTIATE_TEST_SUITE_P(Io, HostileZip, testing::ValuesIn(hostile_archives()),
                         [](const auto& file) { return std::string(file.param.name); });

}  // namespace
}  // namespace ddim::engine::io
