#include "eval/feature_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/make_device.h"
#include "nn/inception.h"
#include "tests/eval/inception_values.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::eval {
namespace {

/// The weights of tools/make_inception_values.py: a hash of the tensor's name and the index.
std::vector<float> made_values(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::uint32_t of_name = 2166136261U;
  for (const char letter : name)
    of_name = (of_name ^ static_cast<unsigned char>(letter)) * 16777619U;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  float scale = 1.0F, offset = 0.0F;
  if (name.ends_with("running_mean") || name.ends_with("bias")) {
    scale = 0.2F;
  } else if (name.ends_with("running_var") || name.ends_with("bn.weight")) {
    scale = 0.5F;
    offset = 1.0F;
  } else if (name == "fc.weight") {
    scale = 0.1F;
  } else {
    scale = static_cast<float>(
        std::sqrt(24.0 / (static_cast<double>(count) / static_cast<double>(shape[0]))));
  }
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto h = static_cast<std::uint32_t>(i * 2654435761U) + of_name;
    h ^= h >> 15U;
    h *= 2246822519U;
    h ^= h >> 13U;
    values[i] = static_cast<float>(h / 4294967296.0 - 0.5) * scale + offset;
  }
  return values;
}

/// What a file of the published layout holds.
NamedTensors made_tensors() {
  NamedTensors tensors;
  for (const auto& [name, shape] : Inception::layout())
    tensors[name] = {.shape = shape, .values = made_values(name, shape)};
  return tensors;
}

data::Images made_pictures(std::int64_t count, std::int64_t height, std::int64_t width) {
  data::Images images{.count = count, .height = height, .width = width, .channels = 3};
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count * height * width * 3); ++i)
    images.pixels.push_back(static_cast<std::uint8_t>((i * i / 97 + 7 * i) % 251));
  return images;
}

TEST(InceptionNetwork, ComputesWhatPytorchFidComputes) {
  const Device device = make_device(DeviceKind::cpu);
  const NamedTensors tensors = made_tensors();
  const auto network = make_inception_network(device, tensors, "made.pth", Resizing::pytorch);
  const FeatureNetwork::Output found = (*network)(device, made_pictures(2, 40, 36));
  ASSERT_EQ(found.features.size(), 2 * 2048U);
  const double largest =
      *std::max_element(std::begin(kInceptionFeatures), std::end(kInceptionFeatures));
  for (std::size_t i = 0; i < std::size(kInceptionFeatures); ++i)
    EXPECT_NEAR(found.features[32 * i], kInceptionFeatures[i], 1e-4 * largest) << i;
  ASSERT_EQ(found.probabilities.size(), 2 * 1008U);
  for (std::size_t i = 0; i < std::size(kInceptionProbabilities); ++i)
    EXPECT_NEAR(found.probabilities[63 * i], kInceptionProbabilities[i],
                1e-4 * kInceptionProbabilities[i])
        << i;
  // A picture has the same features alone.
  data::Images second = made_pictures(2, 40, 36);
  second.count = 1;
  second.pixels.erase(second.pixels.begin(), second.pixels.begin() + 40 * 36 * 3);
  const FeatureNetwork::Output alone = (*network)(device, second);
  EXPECT_TRUE(std::equal(alone.features.begin(), alone.features.end(),
                         found.features.begin() + Inception::kFeatures));

  NamedTensors wrong = tensors;
  wrong.erase("Mixed_6c.branch7x7dbl_4.conv.weight");
  test::expect_error(ErrorCode::corrupt,
                     "made.pth: has no tensor Mixed_6c.branch7x7dbl_4.conv.weight of the inception",
                     [&] { make_inception_network(device, wrong, "made.pth", Resizing::tf1); });
  wrong = tensors;
  wrong["Mixed_6b.branch7x7_2.conv.weight"].shape = {128, 128, 7, 1};
  test::expect_error(
      ErrorCode::corrupt,
      "made.pth: Mixed_6b.branch7x7_2.conv.weight must be [128,128,1,7], found [128,128,7,1]",
      [&] { make_inception_network(device, wrong, "made.pth", Resizing::tf1); });
}

TEST(InceptionInput, ResizesByTheRulesOfPytorchTensorFlowAndPillow) {
  const auto check = [](Resizing rule, std::span<const float> expected) {
    std::size_t k = 0;
    for (const auto& [height, width] : {std::pair{40, 36}, std::pair{400, 320}}) {
      const std::vector<float> found = inception_input(made_pictures(1, height, width), rule);
      ASSERT_EQ(found.size(), 299U * 299U * 3U);
      for (const std::size_t row : {0U, 100U, 200U, 298U})
        for (std::size_t column = 0; column < 299; column += 23)
          for (std::size_t c = 0; c < 3; ++c, ++k)
            EXPECT_NEAR(found[(row * 299 + column) * 3 + c], expected[k], 1e-5)
                << to_string(rule) << ' ' << height << ' ' << row << ' ' << column << ' ' << c;
    }
    EXPECT_EQ(k, expected.size());
  };
  check(Resizing::pytorch, kResizedPytorch);
  check(Resizing::tf1, kResizedTf1);
  check(Resizing::clean, kResizedClean);
}

}  // namespace
}  // namespace ddim::engine::eval
