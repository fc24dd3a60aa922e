#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "data/epoch_order.h"
#include "tests/support/expect_error.h"
#include "tests/train/tiny_run.h"
#include "train/rules.h"

namespace ddim::engine::train {
namespace {

using test::expect_error;
using ::testing::HasSubstr;

class TrainerOnBackend : public ::testing::TestWithParam<DeviceKind> {
 protected:
  Device device_ = make_device(GetParam());
};

TEST_P(TrainerOnBackend, SameWeightsForAnyNumberOfThreads) {
  const data::Dataset dataset = tiny_dataset(10);
  std::string expected;
  for (const std::int64_t threads : {1, 2, 3, 4, 7}) {
    TrainConfig config = tiny_config();
    config.training.threads = threads;
    Trainer trainer(config, device_, dataset);
    const std::int64_t most = device_.shares_out_loops() ? threads : config.training.shards;
    EXPECT_EQ(trainer.num_threads(), std::min(threads, most));
    for (int step = 0; step < 20; ++step) trainer.step();
    const std::string hash = sha256_of_state(trainer.state());
    if (expected.empty()) expected = hash;
    EXPECT_EQ(hash, expected) << threads << " threads";
  }
}

TEST_P(TrainerOnBackend, AStepAfterTheFirstAsksTheSystemForNoMemory) {
  const data::Dataset dataset = tiny_dataset(10);
  Trainer trainer(tiny_config(), device_, dataset);
  trainer.step();
  const std::int64_t before = trainer.num_system_allocations();
  for (int step = 0; step < 5; ++step) trainer.step();
  EXPECT_EQ(trainer.num_system_allocations(), before);
}

INSTANTIATE_TEST_SUITE_P(Backends, TrainerOnBackend,
                         ::testing::Values(DeviceKind::reference, DeviceKind::cpu),
                         [](const auto& backend) {
                           return backend.param == DeviceKind::reference ? "ref" : "cpu";
                         });

class TrainerTest : public ::testing::Test {
 protected:
  Tensor& weight(Trainer& trainer, std::string_view name) {
    for (Parameter* parameter : trainer.state().network.mutable_parameters()) {
      if (parameter->name == name) return parameter->value;
    }
    throw std::out_of_range(std::string(name));
  }
  void poison(Trainer& trainer, std::string_view name, double value) {
    device_.kernels().fill(value, weight(trainer, name));
    weight(trainer, name).mark_modified();
  }

  Device device_ = make_device(DeviceKind::cpu);
  data::Dataset dataset_ = tiny_dataset(10);
};

TEST_F(TrainerTest, OverfitsFourImages) {
  TrainConfig config = tiny_config();
  config.model.dropout = 0.0;
  config.model.block_out_channels = {16, 32};
  config.data.flip = false;
  config.diffusion.T = 100;
  config.training.steps = 400;
  config.training.learning_rate = 3e-3;
  const data::Dataset dataset = tiny_dataset(4);
  Trainer trainer(config, device_, dataset);
  double first = 0.0, last = 0.0;
  for (std::int64_t step = 0; step < config.training.steps; ++step) {
    const double loss = trainer.step().loss;
    if (step < 10) first += loss / 10;
    if (step >= config.training.steps - 50) last += loss / 50;
  }
  EXPECT_GT(first, 0.7);  // a fresh network knows nothing of the noise, whose variance is 1
  EXPECT_LT(last, 0.12);
}

// A network that returns 0 has the mean square of its target as its loss: computed here from the
// documented draws of images, t and eps.
TEST_F(TrainerTest, LearnsWhatTheConfigurationSays) {
  for (const auto& [prediction, name] : Names<Prediction>::all()) {
    TrainConfig config = tiny_config();
    config.data.flip = false;
    config.diffusion.schedule = BetaKind::cosine;
    config.diffusion.prediction = prediction;
    Trainer trainer(config, device_, dataset_);
    poison(trainer, "conv_out.weight", 0.0);
    poison(trainer, "conv_out.bias", 0.0);

    const auto seed = static_cast<std::uint64_t>(config.training.seed);
    const std::int64_t batch = config.training.batch;
    const auto order = data::EpochOrder(dataset_.images.count, seed).batch(0, batch);
    const auto times = time_steps_at(seed, 0, batch, config.diffusion.T);
    const auto schedule = diffusion::make_schedule({.schedule = BetaKind::cosine});
    std::vector<float> x_0(dataset_.images.image_bytes()), eps(x_0.size());
    double expected = 0.0;
    for (std::int64_t n = 0; n < batch; ++n) {
      const auto place = static_cast<std::size_t>(n);
      data::to_floats(dataset_.images, order[place], data::Flip::no, x_0);
      fill_normal({.seed = seed, .purpose = Purpose::training_noise}, static_cast<std::uint32_t>(n),
                  eps);
      const double alpha_bar = schedule.alpha_bar(times[place]);
      for (std::size_t i = 0; i < x_0.size(); ++i) {
        const double target =
            prediction == Prediction::eps ? eps[i]
            : prediction == Prediction::x0
                ? x_0[i]
                : std::sqrt(alpha_bar) * eps[i] - std::sqrt(1.0 - alpha_bar) * x_0[i];
        expected +=
            target * target / static_cast<double>(static_cast<std::size_t>(batch) * x_0.size());
      }
    }
    EXPECT_NEAR(trainer.step().loss, expected, 1e-5) << to_string(prediction);
  }
}

TEST_F(TrainerTest, ShardsArePartOfTheResultButOnlyInTheLastBits) {
  std::vector<StepReport> reports;
  std::vector<std::string> hashes;
  for (const std::int64_t shards : {1, 2, 8}) {
    TrainConfig config = tiny_config();
    config.training.shards = shards;
    Trainer trainer(config, device_, dataset_);
    reports.push_back(trainer.step());
    hashes.push_back(sha256_of_state(trainer.state()));
  }
  EXPECT_NEAR(reports[0].loss, reports[2].loss, 1e-5);
  EXPECT_NEAR(reports[0].grad_norm / reports[2].grad_norm, 1.0, 1e-4);
  EXPECT_NEAR(reports[0].grad_norm / reports[1].grad_norm, 1.0, 1e-4);
}

TEST_P(TrainerOnBackend, AccumulationIsALargerBatchInMoreShards) {
  const data::Dataset dataset = tiny_dataset(10);
  std::string expected;
  for (const std::int64_t accumulate : {1, 3}) {
    for (const std::int64_t threads : {1, 3}) {
      TrainConfig config = tiny_config();
      config.training.threads = threads;
      config.training.batch = 24 / accumulate;
      config.training.shards = 12 / accumulate;
      config.training.accumulate = accumulate;
      Trainer trainer(config, device_, dataset);
      for (int step = 0; step < 4; ++step) trainer.step();
      const std::string hash = sha256_of_state(trainer.state());
      if (expected.empty()) expected = hash;
      EXPECT_EQ(hash, expected) << accumulate << " batches, " << threads << " threads";
    }
  }
}

TEST_P(TrainerOnBackend, ValidationChangesNothingAndDoesNotDependOnThreads) {
  const data::Dataset dataset = tiny_dataset(10), held_out = tiny_dataset(7);
  Trainer plain(tiny_config(), device_, dataset);
  for (int step = 0; step < 4; ++step) plain.step();
  std::vector<double> losses;
  for (const std::int64_t threads : {1, 4}) {
    TrainConfig config = tiny_config();
    config.training.threads = threads;
    Trainer trainer(config, device_, dataset);
    EXPECT_GT(trainer.measure_step_seconds(), 0.0);
    for (int step = 0; step < 4; ++step) {
      trainer.step();
      losses.push_back(trainer.validation_loss(held_out, 100));
      EXPECT_EQ(trainer.validation_loss(held_out, 7), losses.back());
    }
    EXPECT_EQ(sha256_of_state(trainer.state()), sha256_of_state(plain.state()));
    EXPECT_NE(trainer.validation_loss(held_out, 3), losses.back());
  }
  for (std::size_t step = 0; step < 4; ++step) EXPECT_EQ(losses[step], losses[step + 4]);
  EXPECT_NE(losses[0], losses[1]);
}

// A network that returns 0 has the mean square of eps as its loss, which is near 1.
TEST_F(TrainerTest, ValidationLossIsTheLossOfTheWeights) {
  Trainer trainer(tiny_config(), device_, dataset_);
  poison(trainer, "conv_out.weight", 0.0);
  poison(trainer, "conv_out.bias", 0.0);
  double expected = 0.0;
  std::vector<float> eps(64);
  for (std::uint32_t n = 0; n < 10; ++n) {
    fill_normal({.seed = 11, .purpose = Purpose::validation}, n, eps);
    for (const float value : eps) expected += static_cast<double>(value) * value / 640.0;
  }
  EXPECT_NEAR(trainer.validation_loss(dataset_, 100), expected, 1e-6);
  poison(trainer, "conv_out.bias", 1.0);
  EXPECT_GT(trainer.validation_loss(dataset_, 100), expected + 0.8);
  expect_error(ErrorCode::user, "images are 8x8x1", [&] {
    TrainConfig config = tiny_config();
    config.model.in_channels = config.model.out_channels = 3;
    data::Dataset colour = dataset_;
    colour.images.channels = 3;
    colour.images.pixels.resize(3 * colour.images.pixels.size());
    Trainer(config, device_, colour).validation_loss(dataset_, 1);
  });
}

TEST_F(TrainerTest, MinSnrWeighsTheLossOfEachImage) {
  for (const auto& [prediction, name] : Names<Prediction>::all()) {
    TrainConfig config = tiny_config();
    config.training.clip_norm = 0.0;
    config.diffusion.prediction = prediction;
    // With T = 1 all images have one weight: loss and gradient are multiplied by it.
    config.diffusion.T = 1;
    config.diffusion.beta_start = config.diffusion.beta_end = 0.1;
    const StepReport plain = Trainer(config, device_, dataset_).step();
    config.training.min_snr_gamma = 5.0;
    const StepReport weighted = Trainer(config, device_, dataset_).step();
    const double weight = loss_weight(prediction, 0.9, 5.0);
    EXPECT_NEAR(weighted.loss / plain.loss, weight, 1e-6) << name;
    EXPECT_NEAR(weighted.grad_norm / plain.grad_norm, weight, 1e-4) << name;
    // With many steps they differ from image to image.
    config.diffusion = {.T = 1000};
    config.diffusion.prediction = prediction;
    config.training.min_snr_gamma = 0.01;
    const StepReport many = Trainer(config, device_, dataset_).step();
    config.training.min_snr_gamma = 0.0;
    EXPECT_NE(many.loss, Trainer(config, device_, dataset_).step().loss) << name;
  }
}

TEST_F(TrainerTest, WeightDecayShrinksTheWeights) {
  TrainConfig config = tiny_config();
  config.training.warmup_steps = 0;
  config.training.decay = Decay::constant;
  Trainer plain(config, device_, dataset_);
  const std::vector<float> before = to_host(weight(plain, "conv_in.weight"));
  plain.step();
  config.training.weight_decay = 10.0;
  Trainer decayed(config, device_, dataset_);
  decayed.step();
  const std::vector<float> a = to_host(weight(plain, "conv_in.weight"));
  const std::vector<float> b = to_host(weight(decayed, "conv_in.weight"));
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(b[i], a[i] - 1e-3F * 10.0F * before[i], 1e-6);
}

TEST_F(TrainerTest, SumLossIsTheMeanLossTimesTheImageSize) {
  TrainConfig config = tiny_config();
  const StepReport mean = Trainer(config, device_, dataset_).step();
  config.training.loss = Loss::sum;
  const StepReport sum = Trainer(config, device_, dataset_).step();
  EXPECT_NEAR(sum.loss / mean.loss, 64.0, 1e-6);
  EXPECT_NEAR(sum.grad_norm / mean.grad_norm, 64.0, 1e-3);
}

TEST_F(TrainerTest, ClippingLimitsTheUpdateAsPyTorchDoes) {
  // One update from zero moments: m = (1 - beta1) * grad * scale.
  TrainConfig config = tiny_config();
  config.training.clip_norm = 0.0;
  Trainer plain(config, device_, dataset_);
  const double norm = plain.step().grad_norm;
  config.training.clip_norm = norm / 4;
  Trainer clipped(config, device_, dataset_);
  EXPECT_EQ(clipped.step().grad_norm, norm);
  const double ratio = norm / 4 / (norm + 1e-6);
  for (std::size_t i = 0; i < plain.state().m.size(); ++i) {
    const auto a = to_host(plain.state().m[i]), b = to_host(clipped.state().m[i]);
    for (std::size_t j = 0; j < a.size(); ++j)
      ASSERT_NEAR(b[j], a[j] * ratio, 1e-6 * std::abs(a[j]) + 1e-12);
  }
  config.training.clip_norm = 10 * norm;  // does nothing
  Trainer loose(config, device_, dataset_);
  loose.step();
  EXPECT_EQ(sha256_of_state(loose.state()), sha256_of_state(plain.state()));
}

TEST_F(TrainerTest, DropoutFlipAndSeedReachTheStep) {
  const auto first_loss = [&](const TrainConfig& config) {
    return Trainer(config, device_, dataset_).step().loss;
  };
  TrainConfig config = tiny_config();
  const double loss = first_loss(config);
  EXPECT_EQ(first_loss(config), loss);
  config.model.dropout = 0.0;
  const double without_dropout = first_loss(config);
  EXPECT_NE(without_dropout, loss);
  config.data.flip = false;
  EXPECT_NE(first_loss(config), without_dropout);
  config.training.seed = 12;
  EXPECT_NE(first_loss(config), loss);
}

TEST_F(TrainerTest, AverageFollowsTheWeights) {
  TrainConfig config = tiny_config();
  config.training.ema_decay = 0.75;
  Trainer trainer(config, device_, dataset_);
  const std::vector<float> before = to_host(weight(trainer, "conv_in.weight"));
  trainer.step();
  const std::vector<float> after = to_host(weight(trainer, "conv_in.weight"));
  const std::vector<float> average = to_host(trainer.state().average.parameters()[0]->value);
  EXPECT_NE(before, after);
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_NEAR(average[i], 0.75F * before[i] + 0.25F * after[i], 1e-6);
}

TEST_F(TrainerTest, RefusesAStepWithNanAndNamesTheLayer) {
  Trainer trainer(tiny_config(), device_, dataset_);
  trainer.step();
  poison(trainer, "down_blocks.1.resnets.0.conv1.weight", std::numeric_limits<double>::quiet_NaN());
  const std::string before = sha256_of_state(trainer.state());
  const StepReport report = trainer.step();
  EXPECT_THAT(report.refused, HasSubstr(concat("step ", trainer.state().step, ": loss ")));
  EXPECT_THAT(report.refused, HasSubstr("first in down_blocks.1.resnets.0.conv1"));
  EXPECT_EQ(sha256_of_state(trainer.state()), before);
  EXPECT_EQ(trainer.state().step, 2);
  EXPECT_EQ(trainer.state().updates, 1);
}

TEST_F(TrainerTest, RefusesAGradientThatIsNotFiniteThoughTheLossIs) {
  Trainer trainer(tiny_config(), device_, dataset_);
  poison(trainer, "conv_out.weight", 1e20);
  const std::string before = sha256_of_state(trainer.state());
  const StepReport report = trainer.step();
  EXPECT_TRUE(std::isfinite(report.loss));
  EXPECT_THAT(report.refused, HasSubstr("the gradient of "));
  EXPECT_EQ(sha256_of_state(trainer.state()), before);
}

TEST_F(TrainerTest, RefusesAGradientThatAdamCannotHold) {
  TrainConfig config = tiny_config();
  config.training.clip_norm = 0.0;
  config.training.loss = Loss::sum;
  Trainer trainer(config, device_, dataset_);
  poison(trainer, "conv_out.bias", 1e19);
  const std::string before = sha256_of_state(trainer.state());
  EXPECT_THAT(trainer.step().refused, HasSubstr("the gradient is too large"));
  EXPECT_EQ(sha256_of_state(trainer.state()), before);
}

TEST_F(TrainerTest, StopsAtTheTenthRefusalInARow) {
  Trainer trainer(tiny_config(), device_, dataset_);
  const std::vector<float> good = to_host(weight(trainer, "conv_out.bias"));
  poison(trainer, "conv_out.bias", std::numeric_limits<double>::infinity());
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(trainer.step().refused.empty());
  device_.kernels().upload(good, weight(trainer, "conv_out.bias"));
  weight(trainer, "conv_out.bias").mark_modified();
  EXPECT_TRUE(trainer.step().refused.empty());  // the count starts anew
  poison(trainer, "conv_out.bias", std::numeric_limits<double>::infinity());
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(trainer.step().refused.empty());
  expect_error(ErrorCode::numeric, "10 steps in a row were not finite", [&] { trainer.step(); });
}

TrainConfig conditional_config() {
  TrainConfig config = tiny_config();
  config.model.class_embed_type = ClassEmbedType::lookup;
  config.model.num_class_embeds = 6;
  config.model.null_class = 5;
  config.training.label_dropout = 0.25;
  return config;
}

TEST_P(TrainerOnBackend, ClassesAndTheirDropoutDoNotDependOnThreads) {
  const data::Dataset dataset = tiny_dataset(10);
  std::string expected;
  for (const std::int64_t threads : {1, 4}) {
    TrainConfig config = conditional_config();
    config.training.threads = threads;
    Trainer trainer(config, device_, dataset);
    for (int step = 0; step < 10; ++step) trainer.step();
    const std::string hash = sha256_of_state(trainer.state());
    if (expected.empty()) expected = hash;
    EXPECT_EQ(hash, expected) << threads << " threads";
  }
}

// Of the rows of the class table, a step moves those of the images of its batch, and with label
// dropout the last, which is the null class.
TEST_F(TrainerTest, OnlyTheRowsOfTheClassesSeenAreTrained) {
  TrainConfig config = conditional_config();
  dataset_.labels.assign(10, 3);
  const auto moved_rows = [&](double label_dropout) {
    config.training.label_dropout = label_dropout;
    Trainer trainer(config, device_, dataset_);
    const std::vector<float> before = to_host(weight(trainer, "class_embedding.weight"));
    trainer.step();
    const std::vector<float> after = to_host(weight(trainer, "class_embedding.weight"));
    std::vector<int> rows;
    for (std::size_t row = 0; row < 6; ++row) {
      const std::size_t first = row * before.size() / 6;
      if (before[first] != after[first]) rows.push_back(static_cast<int>(row));
    }
    return rows;
  };
  EXPECT_THAT(moved_rows(0.5), ::testing::ElementsAre(3, 5));
  EXPECT_THAT(moved_rows(1e-9), ::testing::ElementsAre(3));
}

TEST_F(TrainerTest, LabelsMustBeThereAndFit) {
  const TrainConfig config = conditional_config();
  dataset_.labels[4] = 5;
  expect_error(ErrorCode::user, "an image is of class 5, but model.num_classes is 5",
               [&] { Trainer(config, device_, dataset_); });
  dataset_.labels.clear();
  expect_error(ErrorCode::user, "0 labels for 10 images",
               [&] { Trainer(config, device_, dataset_); });
}

TEST_F(TrainerTest, ImagesMustFitTheNetwork) {
  TrainConfig config = tiny_config();
  config.model.in_channels = config.model.out_channels = 3;
  expect_error(ErrorCode::user, "images are 8x8x1 but the network takes 8x8x3",
               [&] { Trainer(config, device_, dataset_); });
}

// A step whose loss stands out is told of, or left out: as training.skip_spikes says.
TEST_F(TrainerTest, NoticesSpikesAndLeavesThemOut) {
  for (const double skip_spikes : {0.0, 6.0}) {
    TrainConfig config = tiny_config();
    config.training.skip_spikes = skip_spikes;
    Trainer trainer(config, device_, dataset_);
    for (std::size_t i = 0; i < LossHistory::kFewestSteps; ++i) {
      const StepReport report = trainer.step();
      EXPECT_EQ(report.refused + report.spike, "");
    }
    for (int i = 0; i < 40; ++i)  // as if the loss had been steady
      trainer.state().losses.add({.loss = 1.0 + 0.01 * (i % 2), .grad_norm = 1.0 + 0.01 * (i % 3)});
    poison(trainer, "conv_out.bias", 300.0);
    const std::string before = sha256_of_state(trainer.state());
    const std::int64_t updates = trainer.state().updates;
    const StepReport report = trainer.step();
    EXPECT_THAT(report.refused + report.spike, HasSubstr(" standard deviations above the last "));
    EXPECT_THAT(report.refused + report.spike,
                HasSubstr(concat("step ", LossHistory::kFewestSteps + 1, ": loss ")));
    EXPECT_EQ(report.refused.empty(), skip_spikes == 0.0);
    EXPECT_EQ(sha256_of_state(trainer.state()) == before, skip_spikes > 0.0);
    EXPECT_EQ(trainer.state().updates, updates + (skip_spikes > 0.0 ? 0 : 1));
    EXPECT_EQ(trainer.state().refused_in_a_row, 0);
  }
}

TEST(LossHistory, ComparesWithTheStepsBefore) {
  LossHistory history;
  for (std::size_t i = 0; i + 1 < LossHistory::kFewestSteps; ++i)
    history.add({.loss = i % 2 == 0 ? 1.0 : 3.0, .grad_norm = 5.0});
  EXPECT_EQ(history.deviation_of({.loss = 100.0, .grad_norm = 100.0}).larger(), 0.0);  // too few
  history.add({.loss = 3.0, .grad_norm = 5.0});
  const Deviation deviation = history.deviation_of({.loss = 6.0, .grad_norm = 6.0});
  EXPECT_DOUBLE_EQ(deviation.loss, 4.0);       // mean 2, standard deviation 1
  EXPECT_DOUBLE_EQ(deviation.grad_norm, 0.0);  // nothing to measure by
  for (std::size_t i = 0; i < LossHistory::kWindow; ++i)
    history.add({.loss = 7.0 + 0.001 * static_cast<double>(i % 2), .grad_norm = 5.0});
  EXPECT_LT(history.deviation_of({.loss = 6.0, .grad_norm = 5.0}).loss, -100.0);  // all forgotten
}

// Two lucky steps at the beginning are no measure for all that follow.
TEST(LossHistory, DivergenceIsMeasuredByMeansOfManySteps) {
  LossHistory history;
  const auto add = [&](int count, double loss) {
    for (int i = 0; i < count; ++i) history.add({.loss = loss, .grad_norm = 1.0});
  };
  add(2, 0.001);
  add(10, 0.5);
  EXPECT_EQ(history.divergence(), "");
  EXPECT_EQ(history.lowest_mean(), 0.0);
  add(52, 0.5);
  EXPECT_EQ(history.divergence(), "");
  EXPECT_NEAR(history.lowest_mean(), (2 * 0.001 + 30 * 0.5) / 32, 1e-12);
  add(32, 3.5);
  EXPECT_EQ(history.divergence(), "");  // 7.5 times
  add(32, 4.0);
  EXPECT_EQ(history.divergence(), "the mean loss of the last 32 steps is 4; the lowest was 0.469");

  LossHistory early;  // the first four: 8 * sqrt(32 / 4) = 22.6 times
  for (int i = 0; i < 4; ++i) early.add({.loss = 0.1, .grad_norm = 1.0});
  for (int i = 0; i < 4; ++i) early.add({.loss = 4.4, .grad_norm = 1.0});
  EXPECT_EQ(early.divergence(), "");
  early.add({.loss = 4.4, .grad_norm = 1.0});
  EXPECT_EQ(early.divergence(), "the mean loss of the last 9 steps is 2.49; the lowest was 0.1");
}

}  // namespace
}  // namespace ddim::engine::train
