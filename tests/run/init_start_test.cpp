// What pictures to start from become, and how often they are encoded.
#include "run/init_start.h"

#include <gtest/gtest.h>

#include <atomic>

#include "backend/make_device.h"
#include "diffusion/plan.h"
#include "nn/initialisation.h"
#include "run/encode.h"
#include "run/generate.h"
#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::run {
namespace {

using test::expect_error;

/// Another network, and for how many images it was called.
class Counting final : public Network {
 public:
  explicit Counting(std::unique_ptr<const Network> network) : network_(std::move(network)) {}
  std::int64_t num_images() const { return num_images_; }

  PictureShape shape() const override { return network_->shape(); }
  const Device& device() const override { return network_->device(); }
  void check_times(std::span<const double> t) const override { network_->check_times(t); }
  void check_classes(const ClassChoice& choice) const override { network_->check_classes(choice); }
  std::optional<std::int64_t> period(const ClassChoice& choice) const override {
    return network_->period(choice);
  }
  Tensor predict(const Tensor& x, double t, std::uint32_t first_image,
                 const ClassChoice& choice) const override {
    num_images_ += x.dim(0);
    return network_->predict(x, t, first_image, choice);
  }
  Tensor rehearse(const Tensor& x, double t, const ClassChoice& choice) const override {
    return network_->rehearse(x, t, choice);
  }

 private:
  std::unique_ptr<const Network> network_;
  mutable std::atomic<std::int64_t> num_images_ = 0;
};

class InitStarts : public testing::Test {
 protected:
  static UNet make_unet() {
    UNetConfig config = modulated_config();  // 4 classes
    config.out_channels = config.in_channels;
    UNet unet(make_device(DeviceKind::cpu), config);
    initialise(unet, Initialisation::pytorch, 1);
    return unet;
  }
  static FloatImages pictures(std::int64_t count) {
    FloatImages images{.count = count, .shape = {.channels = 3, .height = 8, .width = 8}};
    for (std::int64_t i = 0; i < count * 192; ++i)
      images.values.push_back(static_cast<float>(i % 7) / 7.0F);
    return images;
  }
  SampleOptions options(std::int64_t num_pictures) const {
    return {.plan = {.steps = 5},
            .count = 6,
            .first_image = 3,
            .class_choice = {.classes = {0, 1}},
            .init = InitImage{.images = pictures(num_pictures), .by = InitBy::encoding}};
  }
  Plan plan_of(const SampleOptions& options) const {
    return diffusion::make_plan(model_.schedule, model_.prediction, options.plan);
  }

  const UNet unet_ = make_unet();
  const std::shared_ptr<const Counting> network_ =
      std::make_shared<const Counting>(make_network(unet_));
  const TrainedNetwork model_{.network = network_, .schedule = diffusion::Schedule::linear()};
};

TEST_F(InitStarts, OnePictureIsEncodedOnceUnderEachClass) {
  const SampleOptions six = options(1);
  const InitStart start = make_init_start(model_, plan_of(six), six);
  EXPECT_EQ(start.pictures.size(), 192U);
  EXPECT_EQ(start.x_T.size(), 2 * 192U);
  EXPECT_EQ(network_->num_images(), 2 * 5);
  EXPECT_EQ(start.evaluations, 2 * 5);
}

TEST_F(InitStarts, PicturesOfTheirOwnAreEncodedOnceEach) {
  const SampleOptions six = options(6);
  const Generated found = generate(model_, plan_of(six), six);
  EXPECT_EQ(network_->num_images(), 6 * (5 + 5));
  EXPECT_EQ(found.samples.nfe, 5 + 5);
  EXPECT_EQ(found.num_step_allocations, 0);
  const FloatImages x_T =
      encode(model_, six.init->images,
             {.plan = six.plan, .class_choice = six.class_choice, .first_image = six.first_image})
          .x_T;
  SampleOptions given = options(6);
  given.init.reset();
  given.x_T = x_T;
  EXPECT_EQ(generate(model_, plan_of(given), given).samples.x_0.values, found.samples.x_0.values);
}

TEST_F(InitStarts, AnEncodingCanBeStopped) {
  SampleOptions six = options(6);
  std::stop_source stop;
  stop.request_stop();
  six.run.stop = stop.get_token();
  expect_error(ErrorCode::interrupted,
               "encode: stopped at t = ", [&] { generate(model_, plan_of(six), six); });
}

TEST_F(InitStarts, AreTheSameForOnePictureAsForManyAlike) {
  SampleOptions many = options(1);
  FloatImages& images = many.init->images;
  const std::vector<float> one = images.values;
  for (images.count = 1; images.count < many.count; ++images.count)
    images.values.insert(images.values.end(), one.begin(), one.end());
  for (const InitBy by : {InitBy::encoding, InitBy::noise}) {
    SampleOptions alone = options(1);
    alone.init->by = many.init->by = by;
    for (const std::int64_t batch : {1, 4, 16}) {
      alone.run.batch = batch;
      EXPECT_EQ(generate(model_, plan_of(alone), alone).samples.x_0.values,
                generate(model_, plan_of(many), many).samples.x_0.values)
          << to_string(by) << ", batch " << batch;
    }
  }
}

TEST_F(InitStarts, CallsOfTheEncodingAreCounted) {
  const SampleOptions six = options(1);
  const std::int64_t nfe = generate(model_, plan_of(six), six).samples.nfe;
  EXPECT_EQ(network_->num_images(), 6 * 5 + 2 * 5);
  EXPECT_EQ(nfe, 7);  // 40 / 6
}

// A function of the caller's may go by the number of a picture.
TEST_F(InitStarts, ACustomDenoiserEncodesForEachNumber) {
  const TrainedNetwork custom{
      .network = make_network(Denoiser{
          .shape = pictures(1).shape,
          .predict =
              [](const Denoiser::Call& call, std::span<float> output) {
                for (std::size_t i = 0; i < output.size(); ++i)
                  output[i] = 0.1F * call.x_t[i] +
                              0.05F * static_cast<float>(call.first_image +
                                                         static_cast<std::int64_t>(i / 192));
              }}),
      .schedule = diffusion::Schedule::linear()};
  SampleOptions all = options(1);
  all.class_choice = {};
  EXPECT_TRUE(make_init_start(custom, plan_of(all), all).x_T.empty());  // memory does not grow
  const std::vector<float> drawn = generate(custom, plan_of(all), all).samples.x_0.values;
  SampleOptions last = all;
  last.first_image = 8;
  last.count = 1;
  EXPECT_EQ(generate(custom, plan_of(last), last).samples.x_0.values,
            std::vector<float>(drawn.end() - 192, drawn.end()));
}

TEST_F(InitStarts, StepsThatCannotBeEncodedAreRefusedBeforeWeightsAreNeeded) {
  SampleOptions six = options(1);
  six.plan.steps = 7;
  six.plan.tau = TauKind::diffusers_trailing;
  expect_error(ErrorCode::user,
               "encode: the step from t = ", [&] { check_options(model_, plan_of(six), six); });
  six.init->by = InitBy::noise;
  check_options(model_, plan_of(six), six);
}

}  // namespace
}  // namespace ddim::engine::run
