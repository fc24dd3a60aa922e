#include "model/weights_hash.h"

#include <gtest/gtest.h>

#include <set>

#include "backend/make_device.h"
#include "base/sha256.h"
#include "nn/initialisation.h"
#include "tests/nn/published_configs.h"

namespace ddim::engine::model {
namespace {

UNet network(DeviceKind kind, std::uint64_t seed) {
  UNet unet(make_device(kind), small_config());
  initialise(unet, Initialisation::pytorch, seed);
  return unet;
}

TEST(WeightsHash, IsAFunctionOfTheWeightsAlone) {
  const std::string hash = weights_hash(network(DeviceKind::reference, 3), 1);
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(weights_hash(network(DeviceKind::cpu, 3), 2), hash);
  EXPECT_NE(weights_hash(network(DeviceKind::cpu, 4), 2), hash);

  UNet changed = network(DeviceKind::reference, 3);
  changed.mutable_parameters().back()->value.values<float>().back() += 1e-6F;
  EXPECT_NE(weights_hash(changed, 1), hash);
}

// The definition, written out for somebody who wants to compute it elsewhere.
TEST(WeightsHash, IsWhatItsDescriptionSays) {
  const UNet unet = network(DeviceKind::cpu, 5);
  std::set<std::string> lines;
  for (const Parameter* parameter : unet.parameters()) {
    std::string shape;
    for (const std::int64_t dim : parameter->value.shape().dims()) {
      if (!shape.empty()) shape += ",";
      shape += std::to_string(dim);
    }
    const std::span<const float> values = parameter->value.values<float>();
    lines.insert(parameter->name + " [" + shape + "] " + sha256_hex(std::as_bytes(values)) + "\n");
  }
  std::string text;
  for (const std::string& line : lines) text += line;
  EXPECT_EQ(weights_hash(unet, 3), sha256_hex(std::as_bytes(std::span(text))));
}

}  // namespace
}  // namespace ddim::engine::model
