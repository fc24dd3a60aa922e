#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "backend/make_device.h"
#include "base/error.h"
#include "nn/find_nonfinite.h"
#include "nn/initialisation.h"
#include "tests/nn/published_configs.h"
#include "tests/support/devices.h"

namespace ddim::engine {
namespace {

class UNetForward : public testing::TestWithParam<DeviceKind> {
 protected:
  UNetForward() : device_(test::device(GetParam())), unet_(device_, small_config()) {
    initialise(unet_, Initialisation::pytorch, 1);
  }

  Tensor noise(const Device& device, std::int64_t num_images) const {
    Tensor x(device, {num_images, 4, 4, 3});
    device.kernels().normal_noise({.seed = 5}, 0, x);
    return x;
  }
  Parameter& parameter(const std::string& name) {
    for (Parameter* p : unet_.mutable_parameters()) {
      if (p->name == name) return *p;
    }
    throw std::logic_error(name);
  }

  Device device_;
  UNet unet_;
};

TEST_P(UNetForward, KeepsTheSizeAndHasTheOutputChannels) {
  Tape tape;
  const double t[] = {1.0, 2.0};
  EXPECT_EQ(unet_(tape, noise(device_, 2), t).value().shape(), (Shape{2, 4, 4, 2}));
}

TEST_P(UNetForward, AnImageIsTheSameInEveryBatchAndOnEveryWorker) {
  Tape tape;
  const double t[] = {10.0, 500.0, 999.0};
  const Tensor x = noise(device_, 3);
  const std::vector<float> all = to_host(unet_(tape, x, t).value());
  const Device worker = device_.worker(1);
  const Tensor x_on_worker = noise(worker, 3);
  const std::vector<float> last =
      to_host(unet_(tape, x_on_worker.slice(2, 1), std::span(t).subspan(2)).value());
  ASSERT_EQ(last.size(), 32U);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), all.begin() + 64));
}

TEST_P(UNetForward, DependsOnTime) {
  Tape tape;
  const Tensor x = noise(device_, 1);
  const double early[] = {10.0};
  const double late[] = {10.5};
  EXPECT_NE(to_host(unet_(tape, x, early).value()), to_host(unet_(tape, x, late).value()));
}

TEST_P(UNetForward, RefusesWrongInputs) {
  const double t[] = {1.0};
  const auto message_of = [&](const Shape& shape, std::span<const double> steps) -> std::string {
    Tape tape;
    try {
      unet_(tape, Tensor(device_, shape), steps);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message_of({1, 4, 4, 1}, t), "unet: x is [1,4,4,1], expected [N,H,W,3]");
  EXPECT_EQ(message_of({4, 4, 3}, t), "unet: x is [4,4,3], expected [N,H,W,3]");
  EXPECT_EQ(message_of({1, 4, 5, 3}, t),
            "unet: height and width of x [1,4,5,3] must be multiples of 2");
  EXPECT_EQ(message_of({2, 4, 4, 3}, t), "unet: 1 time steps for the 2 images of x");
}

TEST_P(UNetForward, FindsWhereANanBegan) {
  const double t[] = {1.0};
  const Tensor x = noise(device_, 1);
  EXPECT_EQ(find_nonfinite(unet_, x, t), std::nullopt);

  Parameter& bias = parameter("mid_block.attentions.0.to_v.bias");
  std::vector<float> values = to_host(bias.value);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  device_.kernels().upload(values, bias.value);
  bias.value.mark_modified();
  EXPECT_EQ(find_nonfinite(unet_, x, t), "mid_block.attentions.0.to_v");

  for (const auto& [config, name, layer] :
       {std::tuple{learned_times_config(), "time_proj.weight", "time_proj"},
        std::tuple{fourier_config(), "time_proj.weight", "time_proj"},
        std::tuple{modulated_config(), "class_embedding.weight", "class_embedding"}}) {
    UNet unet(device_, config);
    initialise(unet, Initialisation::pytorch, 1);
    for (Parameter* each : unet.mutable_parameters()) {
      if (each->name != name) continue;
      device_.kernels().fill(std::numeric_limits<double>::quiet_NaN(), each->value);
      each->value.mark_modified();
    }
    ClassLabels labels;
    const std::vector<double> numbers = {1.0};
    if (config.class_embed_type == ClassEmbedType::identity) {
      labels.vectors = Tensor(device_, {1, config.time_embedding_channels()});
      device_.kernels().fill(0.0, labels.vectors);
    } else {
      labels.numbers = numbers;
    }
    EXPECT_EQ(find_nonfinite(unet, x, t, labels), layer);
  }

  std::vector<float> pixels = to_host(x);
  pixels[0] = std::numeric_limits<float>::infinity();
  Tensor bad_x(device_, x.shape());
  device_.kernels().upload(pixels, bad_x);
  EXPECT_EQ(find_nonfinite(unet_, bad_x, t), "x");
}

TEST_P(UNetForward, CanBeMoved) {
  Tape tape;
  const double t[] = {1.0};
  const Tensor x = noise(device_, 1);
  const std::vector<float> before = to_host(unet_(tape, x, t).value());
  UNet moved = std::move(unet_);
  EXPECT_EQ(to_host(moved(tape, x, t).value()), before);
}

TEST_P(UNetForward, DependsOnTheClassOfEachImageAlone) {
  UNet unet(device_, modulated_config());
  initialise(unet, Initialisation::pytorch, 1);
  const double t[] = {10.0, 10.0};
  const Tensor x = noise(device_, 2);
  const auto eps = [&](double first, double second) {
    Tape tape;
    const double classes[] = {first, second};
    return to_host(unet(tape, x, t, {.numbers = classes}).value());
  };
  const std::vector<float> a = eps(0, 2), b = eps(1, 2);
  const auto half = static_cast<std::ptrdiff_t>(a.size() / 2);
  EXPECT_FALSE(std::equal(a.begin(), a.begin() + half, b.begin()));
  EXPECT_TRUE(std::equal(a.begin() + half, a.end(), b.begin() + half));
}

TEST_P(UNetForward, RefusesLabelsAndTimesItHasNoMeaningFor) {
  const auto message_of = [&](const UNetConfig& config, double t, const ClassLabels& labels) {
    const UNet unet(device_, config);
    Tape tape;
    try {
      unet(tape, noise(device_, 1), std::vector<double>{t}, labels);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::user);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const double two[] = {2.0}, four[] = {4.0}, half[] = {0.5};
  EXPECT_EQ(message_of(small_config(), 1.0, {.numbers = two}),
            "unet: this network is not class-conditional: it cannot be told the class of an image");
  EXPECT_EQ(message_of(modulated_config(), 1.0, {}),
            "unet: 0 classes for 1 images; this network is told the class of each image");
  EXPECT_EQ(message_of(modulated_config(), 1.0, {.numbers = four}),
            "unet: class 4 does not exist; this network knows 0 to 3");
  EXPECT_EQ(message_of(modulated_config(), 1.0, {.numbers = half}),
            "unet: class 0.5 does not exist; this network knows 0 to 3");
  EXPECT_THAT(message_of(learned_times_config(), 6.0, {.numbers = two}),
              testing::HasSubstr("t is 6, but a network with a learned time embedding"));
  EXPECT_THAT(message_of(fourier_config(), 0.0, {}), testing::HasSubstr("do not visit t = 0"));
  EXPECT_EQ(message_of(fourier_config(), 1.0, {}),
            "unet: this network takes a vector for the class of each image, [1,32]");
  EXPECT_EQ(message_of(fourier_config(), 1.0, {.vectors = Tensor(device_, {1, 31})}),
            "unet: the vectors of the classes are [1,31], expected [1,32]");
}

INSTANTIATE_TEST_SUITE_P(Backends, UNetForward, testing::ValuesIn(test::device_kinds()),
                         [](const auto& kind) { return test::name_of(kind.param); });

}  // namespace
}  // namespace ddim::engine
