#include "train/tensorboard.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using test::read_text;

MetricsLine line_at(std::int64_t step) {
  return {.step = step, .loss = 0.5, .grad_norm = 2.0, .learning_rate = 1e-4};
}

TEST(Tensorboard, ChecksumIsThatOfCastagnoli) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);  // the check value of CRC-32C
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
}

// The first record of every TensorFlow event file ends with these bytes.
TEST(Tensorboard, RecordHasLengthAndMaskedChecksums) {
  const std::string record = tensorboard_record(
      "\x1a\x0d"
      "brain.Event:2");
  ASSERT_EQ(record.size(), 8U + 4U + 15U + 4U);
  EXPECT_EQ(record.substr(0, 8), std::string("\x0f\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 15),
            "\x1a\x0d"
            "brain.Event:2");
  const auto rotated = [](std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; };
  const auto number_at = [&](std::size_t place) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i)
      number |= static_cast<std::uint32_t>(static_cast<unsigned char>(record[place + i])) << 8 * i;
    return number;
  };
  EXPECT_EQ(number_at(8), rotated(crc32c(record.substr(0, 8))));
  EXPECT_EQ(number_at(27), rotated(crc32c(record.substr(12, 15))));
}

TEST(Tensorboard, ResumeCutsLaterAndTornRecords) {
  const test::TemporaryFolder dir;
  const fs::path file = dir.path() / "tensorboard" / "events.out.tfevents.ddim";
  {
    TensorboardLog log(dir.path(), 0);
    for (const std::int64_t step : {2, 4}) log.write(line_at(step));
  }
  const std::string up_to_4 = read_text(file);
  {
    TensorboardLog log(dir.path(), 4);
    log.write(line_at(600));
  }
  EXPECT_GT(read_text(file).size(), up_to_4.size());
  { const TensorboardLog log(dir.path(), 599); }
  EXPECT_EQ(read_text(file), up_to_4);
  std::ofstream(file, std::ios::binary | std::ios::app) << up_to_4.substr(0, 30);  // torn
  { const TensorboardLog log(dir.path(), 4); }
  EXPECT_EQ(read_text(file), up_to_4);
}

TEST(Tensorboard, ADamagedRecordIsTheOnlyOneThatIsLost) {
  const test::TemporaryFolder dir;
  const fs::path file = dir.path() / "tensorboard" / "events.out.tfevents.ddim";
  std::size_t before = 0, after = 0;
  {
    TensorboardLog log(dir.path(), 0);
    log.write(line_at(2));
    before = read_text(file).size();
    log.write(line_at(4));
    after = read_text(file).size();
    log.write(line_at(6));
  }
  const std::string whole = read_text(file);
  std::string damaged = whole;
  damaged[before + 30] ^= 1;
  test::write_text(file, damaged);
  { const TensorboardLog log(dir.path(), 6); }
  EXPECT_EQ(read_text(file), whole.substr(0, before) + whole.substr(after));
}

TEST(Tensorboard, WhatCannotBeReadIsNotReplaced) {
  const test::TemporaryFolder dir;
  const fs::path file = dir.path() / "tensorboard" / "events.out.tfevents.ddim";
  TensorboardLog(dir.path(), 0).write(line_at(2));
  fs::rename(file, dir.path() / "good");
  fs::create_symlink(file.filename(), file);  // leads to itself
  test::expect_error(ErrorCode::io, "cannot read " + file.string(),
                     [&] { TensorboardLog log(dir.path(), 2); });
  EXPECT_TRUE(fs::is_symlink(file));
}

TEST(Tensorboard, ItsOwnPackageReadsTheFile) {
  const std::string python = test::find_python("tensorboard");
  if (python.empty()) GTEST_SKIP() << test::no_python_with("tensorboard");
  const test::TemporaryFolder dir;
  {
    TensorboardLog log(dir.path(), 0);
    for (const std::int64_t step : {2, 300, 70000}) {
      MetricsLine line = line_at(step);
      if (step == 300) line.loss = std::numeric_limits<double>::quiet_NaN();
      if (step == 70000) line.validation_loss = 0.25;
      log.write(line);
    }
  }
  const fs::path script = dir.path() / "read.py";
  test::write_text(script, R"(
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
with open(sys.argv[2], "w") as out:
    for tag in sorted(events.Tags()["scalars"]):
        print(tag, [(e.step, round(e.value, 6)) for e in events.Scalars(tag)], file=out)
)");
  const fs::path result = dir.path() / "result.txt";
  const std::string command = python + " " + script.string() + " " +
                              (dir.path() / "tensorboard").string() + " " + result.string() +
                              " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read_text(result),
            "grad_norm [(2, 2.0), (300, 2.0), (70000, 2.0)]\n"
            "images_per_second [(2, 0.0), (300, 0.0), (70000, 0.0)]\n"
            "learning_rate [(2, 0.0001), (300, 0.0001), (70000, 0.0001)]\n"
            "loss [(2, 0.5), (70000, 0.5)]\n"
            "validation_loss [(70000, 0.25)]\n");
}

}  // namespace
}  // namespace ddim::engine::train
