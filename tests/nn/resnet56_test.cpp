#include "nn/resnet56.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/make_device.h"
#include "io/safetensors.h"
#include "tests/nn/resnet56_values.h"
#include "tests/support/expect_error.h"

namespace ddim::engine {
namespace {

constexpr const char* kFile = "models/features/resnet56-cifar10/model.safetensors";

std::map<std::string, NamedTensor> stored_tensors() {
  const io::SafetensorsFile file = io::SafetensorsFile::open(kFile);
  std::map<std::string, NamedTensor> tensors;
  for (const io::TensorEntry& entry : file.entries()) {
    NamedTensor& tensor = tensors[entry.name];
    tensor.shape = entry.shape;
    tensor.values.resize(entry.bytes.size() / io::size_of(entry.type));
    io::to_f32(entry.type, entry.bytes, tensor.values);
  }
  return tensors;
}

/// The two pictures of tools/make_feature_extractor.py.
std::vector<float> some_pictures() {
  std::vector<float> pictures;
  for (std::int64_t i = 0; i < 2 * 32 * 32 * 3; ++i)
    pictures.push_back(static_cast<float>((i * i / 97 + 7 * i) % 256) / 255.0F);
  return pictures;
}

class ResNet56Test : public testing::TestWithParam<DeviceKind> {};

TEST_P(ResNet56Test, ComputesWhatPyTorchComputes) {
  const Device device = make_device(GetParam());
  const ResNet56::Output found = ResNet56(device, stored_tensors(), kFile)(device, some_pictures());
  const auto compare = [](const std::vector<float>& values, const auto& expected) {
    ASSERT_EQ(values.size(), std::size(expected));
    const double largest = *std::max_element(std::begin(expected), std::end(expected));
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], expected[i], 1e-4 * largest) << i;
  };
  compare(found.features, kResNet56Features);
  compare(found.probabilities, kResNet56Probabilities);
}

TEST_P(ResNet56Test, GivesAPictureTheSameFeaturesInEveryBatch) {
  const Device device = make_device(GetParam());
  const ResNet56 network(device, stored_tensors(), kFile);
  const std::vector<float> pictures = some_pictures();
  const std::vector<float> together = network(device, pictures).features;
  const std::vector<float> alone = network(device, std::span(pictures).subspan(3072)).features;
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + ResNet56::kFeatures));
  EXPECT_FALSE(std::equal(alone.begin(), alone.end(), together.begin()));  // of the other picture
}

INSTANTIATE_TEST_SUITE_P(Devices, ResNet56Test,
                         testing::Values(DeviceKind::cpu, DeviceKind::reference));

TEST(ResNet56File, OfAnotherNetworkIsRefused) {
  const Device device = make_device(DeviceKind::reference);
  auto tensors = stored_tensors();
  tensors.at("layer2.0.conv1.weight").shape = {32, 32, 3, 3};
  test::expect_error(ErrorCode::corrupt,
                     {"some.file", "layer2.0.conv1.weight", "[32,16,3,3]", "[32,32,3,3]"},
                     [&] { ResNet56(device, tensors, "some.file"); });
  tensors.erase("layer2.0.conv1.weight");
  test::expect_error(ErrorCode::corrupt, {"some.file", "layer2.0.conv1.weight"},
                     [&] { ResNet56(device, tensors, "some.file"); });
}

}  // namespace
}  // namespace ddim::engine
