#include "io/picture_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/base_files/faulty_file_system.h"
#include "tests/base_files/power_loss.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using ddim::test::FaultyFileSystem;
using ddim::test::Repeat;
using ddim::test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kPictureBytes = 5;

/// Picture k is five bytes that are a function of k.
std::vector<std::byte> pictures(std::int64_t first, std::int64_t count) {
  std::vector<std::byte> bytes;
  for (std::int64_t k = first; k < first + count; ++k)
    for (std::uint64_t i = 0; i < kPictureBytes; ++i)
      bytes.push_back(static_cast<std::byte>((k * 31 + static_cast<std::int64_t>(i)) & 0xFF));
  return bytes;
}

class PictureLogTest : public testing::Test {
 protected:
  PictureLog create(std::int64_t count) {
    return PictureLog::create(path_, {.count = count,
                                      .picture_bytes = kPictureBytes,
                                      .settings = {{"seed", "7"}, {"note", "\"a\"\n\xff"}}});
  }
  static std::vector<std::byte> all_of(const PictureLog& log) {
    std::vector<std::byte> bytes;
    log.read({0, log.header().count}, [&](std::span<const std::byte> piece) {
      EXPECT_EQ(piece.size() % kPictureBytes, 0U);
      bytes.insert(bytes.end(), piece.begin(), piece.end());
    });
    return bytes;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "log";
};

TEST(GapsBetween, AreWhatRangesLeaveOut) {
  EXPECT_THAT(gaps_between({}, 3), ElementsAre(PictureRange{0, 3}));
  EXPECT_THAT(gaps_between({{0, 3}}, 3), ElementsAre());
  EXPECT_THAT(gaps_between({{4, 2}, {1, 2}}, 8),
              ElementsAre(PictureRange{0, 1}, PictureRange{3, 1}, PictureRange{6, 2}));
  EXPECT_THAT(gaps_between({{0, 4}, {2, 1}, {3, 2}}, 6), ElementsAre(PictureRange{5, 1}));
}

TEST_F(PictureLogTest, KeepsPicturesInAnyOrderAndGoesOnAfterItIsClosed) {
  {
    PictureLog log = create(10);
    EXPECT_THAT(log.missing(), ElementsAre(PictureRange{0, 10}));
    log.add(4, pictures(4, 3));
    log.add(0, pictures(0, 2));
    log.sync();
    EXPECT_EQ(log.num_done(), 5);
  }
  PictureLog log = PictureLog::open(path_);
  EXPECT_EQ(log.header().count, 10);
  EXPECT_EQ(log.header().settings.at("seed"), "7");
  EXPECT_THAT(log.missing(), ElementsAre(PictureRange{2, 2}, PictureRange{7, 3}));
  log.add(7, pictures(7, 3));
  log.add(2, pictures(2, 2));
  EXPECT_TRUE(log.missing().empty());
  EXPECT_EQ(all_of(log), pictures(0, 10));
  std::vector<std::byte> middle;
  log.read({1, 7}, [&](std::span<const std::byte> piece) {
    middle.insert(middle.end(), piece.begin(), piece.end());
  });
  EXPECT_EQ(middle, pictures(1, 7));
  log.remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(PictureLogTest, CountsNothingThatWasWrittenInPart) {
  std::vector<std::uint64_t> ends;  // of the header and of the records
  {
    PictureLog log = create(6);
    ends.push_back(std::filesystem::file_size(path_));
    for (const std::int64_t first : {2, 0, 4}) {
      log.add(first, pictures(first, 2));
      ends.push_back(std::filesystem::file_size(path_));
    }
  }
  const std::string whole = test::read_text(path_);
  for (std::uint64_t size = 0; size <= whole.size(); ++size) {
    test::write_text(path_, whole.substr(0, size));
    if (size < ends[0]) {
      expect_error(ErrorCode::corrupt, path_.string(), [&] { PictureLog::open(path_); });
      continue;
    }
    PictureLog log = PictureLog::open(path_);
    const auto complete =
        std::ranges::count_if(ends, [&](std::uint64_t end) { return end <= size; }) - 1;
    EXPECT_EQ(log.num_done(), 2 * complete) << size;
    for (const PictureRange& gap : log.missing())
      log.add(gap.first, pictures(gap.first, gap.count));
    EXPECT_EQ(all_of(log), pictures(0, 6)) << size;
  }
}

TEST_F(PictureLogTest, DropsWhatFollowsAFlippedBit) {
  {
    PictureLog log = create(4);
    log.add(0, pictures(0, 2));
    log.add(2, pictures(2, 2));
  }
  const std::string whole = test::read_text(path_);
  const std::size_t header = whole.size() - 2 * (24 + 2 * kPictureBytes);
  for (std::size_t at = header; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    test::write_text(path_, damaged);
    PictureLog log = PictureLog::open(path_);
    const std::size_t record = (at - header) / (24 + 2 * kPictureBytes);
    const bool is_padding = (at - header) % (24 + 2 * kPictureBytes) / 4 == 5;
    EXPECT_EQ(log.num_done(), is_padding ? 4 : 2 * static_cast<std::int64_t>(record)) << at;
  }
}

TEST_F(PictureLogTest, IsForOneProcessAndNotReplaced) {
  const PictureLog log = create(2);
  expect_error(ErrorCode::user, "another process", [&] { PictureLog::open(path_); });
  expect_error(ErrorCode::user, "exists already", [&] { create(2); });
}

TEST_F(PictureLogTest, APictureThatIsThereIsNotWrittenAgain) {
  {
    PictureLog log = create(8);
    log.add(2, pictures(2, 3));
    for (const std::int64_t first : {0, 2, 3, 4})
      EXPECT_THROW(log.add(first, pictures(first, 4)), std::exception);
    log.add(5, pictures(5, 3));
  }
  EXPECT_THAT(PictureLog::open(path_).missing(), ElementsAre(PictureRange{0, 2}));
}

TEST_F(PictureLogTest, IsReadWhileAnotherProcessAddsAndLeftAsItIs) {
  PictureLog log = create(4);
  log.add(0, pictures(0, 2));
  {
    std::ofstream rest(path_, std::ios::binary | std::ios::app);
    rest << "half of a record";
  }
  const auto size = std::filesystem::file_size(path_);
  const PictureLog read = PictureLog::open_to_read(path_);
  EXPECT_THAT(read.missing(), ElementsAre(PictureRange{2, 2}));
  EXPECT_EQ(std::filesystem::file_size(path_), size);
  expect_error(ErrorCode::io, HasSubstr("none: No such file"),
               [&] { PictureLog::open_to_read(folder_ / "none"); });
}

TEST_F(PictureLogTest, RefusesOtherFiles) {
  test::write_text(path_, "not a log, but long enough to be one");
  expect_error(ErrorCode::corrupt, "does not hold pictures", [&] { PictureLog::open(path_); });
  expect_error(ErrorCode::io, "No such file", [&] { PictureLog::open(folder_ / "none"); });
  std::string text = "ddim pictures 1\n";
  for (const std::string json : {"{}", "[]", "{", R"({"count":0,"picture_bytes":1,"settings":{}})",
                                 R"({"count":1,"picture_bytes":-1,"settings":{}})",
                                 R"({"count":1,"picture_bytes":1,"settings":[1]})",
                                 R"({"count":1e30,"picture_bytes":1,"settings":{}})"}) {
    test::write_text(path_, text + static_cast<char>(json.size()) + std::string(7, '\0') + json);
    expect_error(ErrorCode::corrupt, "damaged", [&] { PictureLog::open(path_); });
  }
  test::write_text(path_, text + std::string(8, '\xff'));
  expect_error(ErrorCode::corrupt, path_.string(), [&] { PictureLog::open(path_); });
}

TEST_F(PictureLogTest, AFailedWriteIsAnErrorAndLosesNothingThatWasThere) {
  create(4).add(0, pictures(0, 2));
  for (const bool in_header : {true, false}) {
    FaultyFileSystem full(in_header ? 1 : 2, ENOSPC, Repeat::persistent);
    PictureLog log = PictureLog::open(path_, full);  // call 0
    expect_error(ErrorCode::io, "No space left", [&] { log.add(2, pictures(2, 2)); });
  }
  EXPECT_EQ(PictureLog::open(path_).num_done(), 2);
}

TEST_F(PictureLogTest, AppearsWithItsWholeHeader) {
  bool failed = true;
  for (int k = 0; failed; ++k) {
    ASSERT_LT(k, 20);
    FaultyFileSystem failing(k, EIO, Repeat::persistent);
    failed = false;
    try {
      PictureLog::create(path_, {.count = 1, .picture_bytes = 1}, failing);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("Input/output"));
      failed = true;
    }
    if (std::filesystem::exists(path_)) {
      EXPECT_EQ(PictureLog::open(path_).header().count, 1) << k;
      std::filesystem::remove(path_);
    }
  }
}

TEST_F(PictureLogTest, ALogThatWasMovedIsWholeWhateverThePowerDoes) {
  const std::filesystem::path place = folder_ / "place";
  test::write_text(place, "another");
  test::RecordingFileSystem recorded(folder_.path());
  PictureLog log =
      PictureLog::create(path_, {.count = 3, .picture_bytes = kPictureBytes}, recorded);
  log.add(0, pictures(0, 3));
  log.move_to(place);
  EXPECT_EQ(log.path(), place);
  EXPECT_EQ(all_of(log), pictures(0, 3));
  EXPECT_FALSE(std::filesystem::exists(path_));
  const std::string whole = test::read_text(place);
  int broken = 0, lost = 0;
  recorded.visit_states([&](int done, const test::DiskFiles& files) {
    const auto found = files.find("place");
    const std::string content = found == files.end() ? "" : found->second;
    if (content != whole && content != "another") ++broken;
    if (done == recorded.num_calls() && content != whole) ++lost;
  });
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(lost, 0);
}

TEST_F(PictureLogTest, AMoveThatIsRefusedIsAnError) {
  PictureLog log = create(2);
  log.add(0, pictures(0, 2));
  std::filesystem::create_directory(folder_ / "folder");
  expect_error(ErrorCode::io, "log: ", [&] { log.move_to(folder_ / "folder"); });
  EXPECT_EQ(all_of(log), pictures(0, 2));
}

}  // namespace
}  // namespace ddim::engine::io
