#include "train/step_line.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ddim::engine::train {
namespace {

TrainProgress point() {
  return {.step = 72,
          .last_step = 200,
          .epoch = 5.76,
          .loss = 0.09,
          .mean_loss = 0.0712,
          .num_losses = 50,
          .learning_rate = 5e-4,
          .seconds_per_step = 1.34,
          .seconds_left = 172};
}

TEST(StepLine, SaysHowTheRunGoes) {
  EXPECT_EQ(step_line(point(), 1000),
            "step 72/200, epoch 5.8, loss 0.071 (mean of 50), lr 5.0e-4, 1.34 s/step, 3 min left");
  TrainProgress other = point();
  other.validation_loss = 0.08;
  other.step = 200;
  other.epoch = 0.0123;
  other.num_losses = 1;
  other.learning_rate = 12.0;
  other.seconds_per_step = 0.0123;
  EXPECT_EQ(step_line(other, 1000),
            "step 200/200, epoch 0.012, loss 0.071, held-out 0.080, lr 1.2e1, 12.3 ms/step");
}

TEST(StepLine, LeavesOutWhatMattersLeastInANarrowWindow) {
  EXPECT_EQ(step_line(point(), 79),
            "step 72/200, epoch 5.8, loss 0.071 (mean of 50), lr 5.0e-4, 3 min left");
  EXPECT_EQ(step_line(point(), 60), "step 72/200, epoch 5.8, loss 0.071, lr 5.0e-4, 3 min left");
  EXPECT_EQ(step_line(point(), 39), "step 72/200, loss 0.071, 3 min left");
  EXPECT_EQ(step_line(point(), 1), "step 72/200");
  for (std::size_t columns = 11; columns < 100; ++columns)
    EXPECT_LE(step_line(point(), columns).size(), columns);
}

TEST(RecentSteps, AveragesTheLastFiftyWithoutThoseThatWereSkipped) {
  RecentSteps recent;
  for (std::int64_t step = 0; step < 60; ++step)
    recent.add({.step = step,
                .loss = step < 10 ? 100.0 : static_cast<double>(step % 2),
                .grad_norm = 3.0,
                .learning_rate = 0.5,
                .refused = step == 59 ? "NaN" : ""});
  const TrainProgress progress = recent.progress(100, 16, 64, 0.25);
  EXPECT_EQ(progress.step, 60);
  EXPECT_EQ(progress.last_step, 100);
  EXPECT_DOUBLE_EQ(progress.epoch, 15.0);
  EXPECT_EQ(progress.num_losses, 49);
  EXPECT_DOUBLE_EQ(progress.mean_loss, 24.0 / 49.0);
  EXPECT_EQ(progress.validation_loss, 0.25);
  EXPECT_EQ(progress.gradient_norm, 3.0);
  EXPECT_NEAR(progress.seconds_left, 40 * progress.seconds_per_step, 1e-12);
  RecentSteps refused;
  refused.add({.step = 0, .loss = 1.0, .refused = "NaN"});
  EXPECT_TRUE(std::isnan(refused.progress(9, 1, 1, 0.0).mean_loss));
}

TEST(StepLine, ShowsNaNWithoutASign) {
  const double nan = -std::numeric_limits<double>::quiet_NaN();
  const std::string line = step_line(
      {.step = 1, .last_step = 2, .mean_loss = nan, .num_losses = 0, .learning_rate = nan}, 200);
  EXPECT_EQ(line.find("-nan"), std::string::npos) << line;
  EXPECT_NE(line.find("loss nan"), std::string::npos) << line;
}

TEST(StepLine, ShowsAHeldOutLossThatIsNaN) {
  TrainProgress ruined = point();
  ruined.validation_loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(step_line(ruined, 200).find(", held-out nan, "), std::string::npos);
  EXPECT_EQ(step_line(point(), 200).find("held-out"), std::string::npos);
}

TEST(Estimate, SpeaksOfLongTimesAsPeopleDo) {
  EXPECT_EQ(about_duration(0.2), "about 1 s");
  EXPECT_EQ(about_duration(80), "about 80 s");
  EXPECT_EQ(about_duration(300), "about 5 min");
  EXPECT_EQ(about_duration(9000), "about 2.5 hours");
  EXPECT_EQ(about_duration(220 * 86400.0), "about 220 days");
  EXPECT_EQ(about_duration(4 * 365.25 * 86400), "about 4 years");
  EXPECT_EQ(estimate_line(800000, 23.76),
            "estimate: about 220 days on this machine (800,000 steps, 23.8 s each)");
  EXPECT_EQ(estimate_line(1, 2.0), "estimate: about 2 s on this machine (1 step, 2 s each)");
}

}  // namespace
}  // namespace ddim::engine::train
