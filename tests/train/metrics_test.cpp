#include "train/metrics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"
#include "tests/train/tiny_run.h"

namespace ddim::engine::train {
namespace {

using test::read_text;

MetricsLine line_at(std::int64_t step) {
  return {.step = step,
          .images = 8 * step,
          .loss = 0.5,
          .grad_norm = 2.0,
          .learning_rate = 1e-4,
          .images_per_second = 123.456789,
          .seconds = 1.5 * static_cast<double>(step),
          .skipped = 1};
}

TEST(Metrics, WritesBothForms) {
  const test::TemporaryFolder dir;
  MetricsLog log(dir.path(), 0);
  log.write(line_at(2));
  EXPECT_EQ(read_text(dir.path() / "metrics.csv"),
            "step,images,loss,grad_norm,learning_rate,images_per_second,seconds,skipped,"
            "validation_loss,eps_error,kernel_distance\n"
            "2,16,0.5,2,0.0001,123.457,3,1,,,\n");
  EXPECT_EQ(read_text(dir.path() / "metrics.jsonl"),
            "{\"step\": 2, \"images\": 16, \"loss\": 0.5, \"grad_norm\": 2, \"learning_rate\": "
            "0.0001, \"images_per_second\": 123.457, \"seconds\": 3, \"skipped\": 1}\n");
}

TEST(Metrics, JsonHasNoNan) {
  const test::TemporaryFolder dir;
  MetricsLine line = line_at(1);
  line.loss = std::numeric_limits<double>::quiet_NaN();
  line.grad_norm = std::numeric_limits<double>::infinity();
  MetricsLog(dir.path(), 0).write(line);
  EXPECT_THAT(read_text(dir.path() / "metrics.jsonl"),
              ::testing::HasSubstr("\"loss\": null, \"grad_norm\": null"));
  EXPECT_THAT(read_text(dir.path() / "metrics.csv"), ::testing::HasSubstr("1,8,nan,inf,"));
}

TEST(Metrics, ResumeCutsLaterAndTornLines) {
  const test::TemporaryFolder dir;
  {
    MetricsLog log(dir.path(), 0);
    for (const std::int64_t step : {2, 4, 6}) log.write(line_at(step));
  }
  const std::string csv = read_text(dir.path() / "metrics.csv");
  const std::string jsonl = read_text(dir.path() / "metrics.jsonl");
  std::ofstream(dir.path() / "metrics.csv", std::ios::app) << "8,64,0.";
  std::ofstream(dir.path() / "metrics.jsonl", std::ios::app) << "{\"step\": 3";  // torn
  {
    MetricsLog log(dir.path(), 4);
    EXPECT_EQ(log.seconds_before(), 6.0);
    log.write(line_at(6));
  }
  EXPECT_EQ(read_text(dir.path() / "metrics.csv"), csv);
  EXPECT_EQ(read_text(dir.path() / "metrics.jsonl"), jsonl);
}

std::vector<MetricsLine> all_lines(const std::filesystem::path& run) {
  std::vector<MetricsLine> lines;
  MetricsReader(run).read_on([&](const MetricsLine& line) { lines.push_back(line); });
  return lines;
}

TEST(Metrics, AFileOfBeforeGetsTheNewColumn) {
  const test::TemporaryFolder dir;
  test::write_text(dir.path() / "metrics.csv",
                   "step,images,loss,grad_norm,learning_rate,images_per_second,seconds,skipped\n"
                   "2,16,0.5,2,0.0001,123.457,3,1\n");
  {
    MetricsLog log(dir.path(), 2);
    EXPECT_EQ(log.seconds_before(), 3.0);
    MetricsLine line = line_at(4);
    line.validation_loss = 0.25;
    log.write(line);
  }
  EXPECT_EQ(read_text(dir.path() / "metrics.csv"),
            "step,images,loss,grad_norm,learning_rate,images_per_second,seconds,skipped,"
            "validation_loss,eps_error,kernel_distance\n"
            "2,16,0.5,2,0.0001,123.457,3,1,,,\n"
            "4,32,0.5,2,0.0001,123.457,6,1,0.25,,\n");
  EXPECT_THAT(read_text(dir.path() / "metrics.jsonl"),
              ::testing::HasSubstr("\"skipped\": 1, \"validation_loss\": 0.25}"));
  const std::vector<MetricsLine> lines = all_lines(dir.path());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_FALSE(lines[0].validation_loss.has_value());
  EXPECT_EQ(lines[0].loss, 0.5);
  EXPECT_EQ(lines[1].step, 4);
  EXPECT_EQ(lines[1].validation_loss, 0.25);
  EXPECT_EQ(lines[1].skipped, 1);
}

// Weights that are ruined, and none that were measured, are two things.
TEST(Metrics, AHeldOutLossThatIsNanWasMeasured) {
  const test::TemporaryFolder dir;
  MetricsLine line = line_at(2);
  line.validation_loss = std::numeric_limits<double>::quiet_NaN();
  line.kernel_distance = std::numeric_limits<double>::infinity();
  MetricsLog(dir.path(), 0).write(line);
  EXPECT_THAT(read_text(dir.path() / "metrics.csv"), ::testing::HasSubstr(",3,1,nan,,inf\n"));
  EXPECT_THAT(read_text(dir.path() / "metrics.jsonl"),
              ::testing::HasSubstr(
                  "\"skipped\": 1, \"validation_loss\": null, \"kernel_distance\": null}"));
  const MetricsLine read = all_lines(dir.path()).at(0);
  ASSERT_TRUE(read.validation_loss.has_value());
  EXPECT_TRUE(std::isnan(*read.validation_loss));
  EXPECT_FALSE(read.eps_error.has_value());
  EXPECT_EQ(read.kernel_distance, std::numeric_limits<double>::infinity());
}

TEST(Metrics, NothingIsReplacedThatCannotBeRead) {
  for (const char* unreadable : {"metrics.csv", "metrics.jsonl"}) {
    for (const char* kind : {"a loop", "a link to what is not mounted", "a folder"}) {
      const test::TemporaryFolder dir;
      MetricsLog(dir.path(), 0).write(line_at(2));
      const std::string csv = read_text(dir.path() / "metrics.csv");
      const std::string jsonl = read_text(dir.path() / "metrics.jsonl");
      const std::filesystem::path file = dir.path() / unreadable;
      std::filesystem::rename(file, dir.path() / "good");
      if (kind == std::string("a folder"))
        std::filesystem::create_directory(file);
      else
        std::filesystem::create_symlink(kind == std::string("a loop") ? unreadable : "disk/x",
                                        file);
      test::expect_error(ErrorCode::io, "cannot read " + file.string(),
                         [&] { MetricsLog log(dir.path(), 1); });
      if (unreadable == std::string("metrics.csv")) {
        test::expect_error(ErrorCode::io, "cannot read " + file.string(),
                           [&] { all_lines(dir.path()); });
      }
      EXPECT_FALSE(std::filesystem::is_regular_file(std::filesystem::symlink_status(file)));
      std::filesystem::remove(file);
      std::filesystem::rename(dir.path() / "good", file);
      EXPECT_EQ(read_text(dir.path() / "metrics.csv"), csv) << kind;
      EXPECT_EQ(read_text(dir.path() / "metrics.jsonl"), jsonl) << kind;
    }
  }
}

TEST(Metrics, NanHasNoSign) {
  const test::TemporaryFolder dir;
  MetricsLine line = line_at(1);
  line.loss = -std::numeric_limits<double>::quiet_NaN();
  MetricsLog(dir.path(), 0).write(line);
  EXPECT_THAT(read_text(dir.path() / "metrics.csv"), ::testing::HasSubstr("\n1,8,nan,2,"));
}

TEST(Metrics, ReadsNothingWhereThereIsNothingAndRefusesOtherText) {
  const test::TemporaryFolder dir;
  EXPECT_TRUE(all_lines(dir.path()).empty());
  test::write_text(dir.path() / "metrics.csv", "step,images\nhello,world\n");
  test::expect_error(ErrorCode::corrupt, "\"hello,world\" is not a line of metrics",
                     [&] { all_lines(dir.path()); });
}

// More than one piece of the file, lines across their borders, and one that is not complete yet.
TEST(Metrics, AFileThatGrowsIsReadOn) {
  const test::TemporaryFolder dir;
  MetricsReader reader(dir.path());
  std::vector<std::int64_t> steps;
  const auto read_on = [&] {
    reader.read_on([&](const MetricsLine& line) { steps.push_back(line.step); });
  };
  read_on();
  EXPECT_TRUE(steps.empty());
  MetricsLog log(dir.path(), 0);
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 1; i <= 5'000; ++i) {
    log.write(line_at(i));
    expected.push_back(i);
    if (i % 1'111 == 0) read_on();
  }
  std::ofstream(dir.path() / "metrics.csv", std::ios::app) << "5001,8,0.";
  read_on();
  EXPECT_EQ(steps, expected);
  std::ofstream(dir.path() / "metrics.csv", std::ios::app) << "5,2,1e-4,1,1,0,,,\n";
  read_on();
  expected.push_back(5'001);
  EXPECT_EQ(steps, expected);
  read_on();
  EXPECT_EQ(steps, expected);
}

TEST(Metrics, ALineThatIsNoneIsRefusedEachTime) {
  const test::TemporaryFolder dir;
  test::write_text(dir.path() / "metrics.csv", "step,images\n1,8,1,1,1,1,1,0\nno,line\n");
  MetricsReader reader(dir.path());
  int count = 0;
  for (int i = 0; i < 2; ++i)
    test::expect_error(ErrorCode::corrupt, "\"no,line\" is not a line of metrics",
                       [&] { reader.read_on([&](const MetricsLine&) { ++count; }); });
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace ddim::engine::train
