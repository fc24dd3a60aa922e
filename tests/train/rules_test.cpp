#include "train/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ddim::engine::train {
namespace {

TEST(LearningRate, WarmsUpLinearlyAndStays) {
  const OptimisationConfig training{.steps = 100, .learning_rate = 2.0, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 0), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 3), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 4), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 99), 2.0);
}

TEST(LearningRate, FallsAlongHalfACosine) {
  const OptimisationConfig training{.steps = 110,
                                    .learning_rate = 3.0,
                                    .warmup_steps = 10,
                                    .decay = Decay::cosine,
                                    .learning_rate_final = 1.0};
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 9), 3.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 10), 3.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 60), 2.0);
  EXPECT_NEAR(learning_rate_at(training, 109), 1.0, 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 1000), 1.0);
}

TEST(LearningRate, FallsOverTheLastStepsOnly) {
  const OptimisationConfig training{.steps = 110,
                                    .learning_rate = 3.0,
                                    .warmup_steps = 10,
                                    .decay = Decay::cosine,
                                    .decay_steps = 20,
                                    .learning_rate_final = 1.0};
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 10), 3.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 90), 3.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 100), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(training, 110), 1.0);
}

// Hang et al. (2023): gamma 5 caps the steps with little noise; SNR = 9 at alpha_bar 0.9.
TEST(LossWeight, IsMinSnrOfEachPrediction) {
  EXPECT_DOUBLE_EQ(loss_weight(Prediction::eps, 0.9, 5.0), 5.0 / 9.0);
  EXPECT_DOUBLE_EQ(loss_weight(Prediction::x0, 0.9, 5.0), 5.0);
  EXPECT_DOUBLE_EQ(loss_weight(Prediction::v, 0.9, 5.0), 0.5);
  // SNR = 0.25, below gamma.
  EXPECT_DOUBLE_EQ(loss_weight(Prediction::eps, 0.2, 5.0), 1.0);
  EXPECT_DOUBLE_EQ(loss_weight(Prediction::x0, 0.2, 5.0), 0.25);
  EXPECT_DOUBLE_EQ(loss_weight(Prediction::v, 0.2, 5.0), 0.2);
  // No noise, and nothing but noise.
  EXPECT_EQ(loss_weight(Prediction::eps, 1.0, 5.0), 0.0);
  EXPECT_EQ(loss_weight(Prediction::x0, 1.0, 5.0), 5.0);
  EXPECT_EQ(loss_weight(Prediction::v, 0.0, 5.0), 0.0);
  for (const Prediction prediction : {Prediction::eps, Prediction::x0, Prediction::v})
    EXPECT_EQ(loss_weight(prediction, 0.9, 0.0), 1.0);
}

TEST(ValidationTimeStep, SpreadsOverAllSteps) {
  std::vector<int> tenths(10);
  for (std::int64_t image = 0; image < 100; ++image) {
    const std::int64_t t = validation_time_step(image, 1000);
    ASSERT_GE(t, 0);
    ASSERT_LT(t, 1000);
    ++tenths[static_cast<std::size_t>(t / 100)];
  }
  for (const int count : tenths) EXPECT_NEAR(count, 10, 1);
  EXPECT_EQ(validation_time_step(7, 1), 0);
}

TEST(EmaDecay, GrowsOnlyWithWarmUp) {
  OptimisationConfig training{.ema_decay = 0.99};
  EXPECT_DOUBLE_EQ(ema_decay_at(training, 0), 0.99);
  training.ema_warmup = true;
  EXPECT_DOUBLE_EQ(ema_decay_at(training, 0), 0.1);
  EXPECT_DOUBLE_EQ(ema_decay_at(training, 8), 0.5);
  EXPECT_DOUBLE_EQ(ema_decay_at(training, 100000), 0.99);
}

TEST(TimeSteps, ComeInAntitheticPairs) {
  const auto t = time_steps_at(7, 3, 9, 1000);
  ASSERT_EQ(t.size(), 9U);
  for (std::size_t i = 0; i + 1 < t.size(); i += 2) EXPECT_EQ(t[i] + t[i + 1], 999);
}

TEST(TimeSteps, AreUniformAndDifferFromStepToStep) {
  std::vector<int> counts(10);
  for (std::int64_t step = 0; step < 1000; ++step) {
    for (const std::int64_t t : time_steps_at(7, step, 10, 10)) {
      ASSERT_GE(t, 0);
      ASSERT_LT(t, 10);
      ++counts[static_cast<std::size_t>(t)];
    }
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 200);
  EXPECT_NE(time_steps_at(7, 0, 8, 1000), time_steps_at(7, 1, 8, 1000));
  EXPECT_NE(time_steps_at(7, 0, 8, 1000), time_steps_at(8, 0, 8, 1000));
  // The images of a longer batch begin with those of a shorter one.
  const auto few = time_steps_at(7, 0, 4, 1000), many = time_steps_at(7, 0, 8, 1000);
  EXPECT_TRUE(std::ranges::equal(few, std::span(many).first(4)));
}

TEST(Flip, HappensToHalfOfTheImages) {
  int flipped = 0;
  for (std::int64_t step = 0; step < 100; ++step) {
    for (std::int64_t image = 0; image < 100; ++image)
      flipped += flip_at(1, step, image) == data::Flip::horizontal ? 1 : 0;
  }
  EXPECT_NEAR(flipped, 5000, 250);  // 5 sigma
}

TEST(LabelDropout, HappensWithItsProbability) {
  int dropped = 0;
  for (std::int64_t step = 0; step < 100; ++step) {
    for (std::int64_t image = 0; image < 100; ++image)
      dropped += label_dropped_at(1, step, image, 0.2) ? 1 : 0;
  }
  EXPECT_NEAR(dropped, 2000, 200);  // 5 sigma
  EXPECT_FALSE(label_dropped_at(1, 0, 0, 0.0));
}

}  // namespace
}  // namespace ddim::engine::train
