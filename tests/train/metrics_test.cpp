#include "train/metrics.h"

#include <gmock/gmock.h>

#include <limits>

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
            "step,images,loss,grad_norm,learning_rate,images_per_second,seconds,skipped\n"
            "2,16,0.5,2,0.0001,123.457,3,1\n");
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

}  // namespace
}  // namespace ddim::engine::train
