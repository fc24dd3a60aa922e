#include "nn/initialisation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "backend/make_device.h"
#include "tests/nn/published_configs.h"

namespace ddim::engine {
namespace {

struct Extremes {
  double max_abs = 0, mean = 0, mean_square = 0;
};

std::map<std::string, Extremes> extremes_after(Initialisation initialisation,
                                               const UNetConfig& config = small_config()) {
  UNet unet(make_device(DeviceKind::reference), config);
  initialise(unet, initialisation, 7);
  std::map<std::string, Extremes> result;
  for (const Parameter* p : unet.parameters()) {
    Extremes e;
    for (const float value : to_host(p->value)) {
      e.max_abs = std::max(e.max_abs, std::fabs(static_cast<double>(value)));
      e.mean += value;
      e.mean_square += static_cast<double>(value) * value;
    }
    e.mean /= static_cast<double>(p->value.size());
    e.mean_square /= static_cast<double>(p->value.size());
    result[p->name] = e;
  }
  return result;
}

/// Uniform in +-bound: close to the bound but not past it, mean 0, mean square bound^2 / 3.
void expect_uniform(const Extremes& e, double bound) {
  EXPECT_LE(e.max_abs, bound * (1 + 1e-6));
  EXPECT_GE(e.max_abs, bound * 0.98);
  EXPECT_NEAR(e.mean, 0.0, bound * 0.1);
  EXPECT_NEAR(e.mean_square, bound * bound / 3, bound * bound * 0.05);
}

TEST(Initialisation, PyTorchDefaults) {
  auto e = extremes_after(Initialisation::pytorch);
  expect_uniform(e["down_blocks.0.resnets.0.conv1.weight"], 1 / std::sqrt(8.0 * 9));
  expect_uniform(e["down_blocks.1.resnets.0.conv_shortcut.weight"], 1 / std::sqrt(8.0));
  expect_uniform(e["time_embedding.linear_2.weight"], 1 / std::sqrt(32.0));
  expect_uniform(e["conv_out.weight"], 1 / std::sqrt(8.0 * 9));
  const Extremes bias = e["time_embedding.linear_1.bias"];  // fan_in of its weight: 8
  EXPECT_LE(bias.max_abs, 1 / std::sqrt(8.0));
  EXPECT_GE(bias.max_abs, 0.8 / std::sqrt(8.0));
  EXPECT_EQ(e["conv_norm_out.weight"].mean, 1.0);
  EXPECT_EQ(e["conv_norm_out.weight"].mean_square, 1.0);
  EXPECT_EQ(e["mid_block.attentions.0.group_norm.weight"].mean_square, 1.0);
  EXPECT_EQ(e["conv_norm_out.bias"].max_abs, 0.0);
}

TEST(Initialisation, Ho) {
  auto e = extremes_after(Initialisation::ho);
  // fan_in 8*9, fan_out 12*9
  expect_uniform(e["down_blocks.1.resnets.0.conv1.weight"], std::sqrt(3.0 / 90));
  expect_uniform(e["time_embedding.linear_2.weight"], std::sqrt(3.0 / 32));
  EXPECT_EQ(e["time_embedding.linear_2.bias"].max_abs, 0.0);
  EXPECT_EQ(e["down_blocks.0.resnets.0.norm1.weight"].mean_square, 1.0);
  for (const char* last : {"down_blocks.0.resnets.0.conv2.weight", "conv_out.weight",
                           "mid_block.attentions.0.to_out.0.weight"}) {
    SCOPED_TRACE(last);
    EXPECT_GT(e[last].max_abs, 0.0);
    EXPECT_LT(e[last].max_abs, 1e-5);
  }
}

TEST(Initialisation, EmbeddingsAreNormal) {
  UNetConfig config = modulated_config();
  config.num_class_embeds = 100;
  const Extremes classes =
      extremes_after(Initialisation::ho, config)["class_embedding.weight"];  // 3,200 numbers
  EXPECT_NEAR(classes.mean, 0.0, 0.06);
  EXPECT_NEAR(classes.mean_square, 1.0, 0.1);
  config = fourier_config();
  config.block_out_channels = {256, 8};
  const Extremes frequencies = extremes_after(Initialisation::pytorch, config)["time_proj.weight"];
  EXPECT_NEAR(frequencies.mean_square, 256.0, 80.0);
}

TEST(Initialisation, DependsOnTheSeedAlone) {
  const auto weights = [](std::uint64_t seed) {
    UNet unet(make_device(DeviceKind::reference), small_config());
    initialise(unet, Initialisation::pytorch, seed);
    return to_host(unet.parameters()[0]->value);
  };
  EXPECT_EQ(weights(1), weights(1));
  EXPECT_NE(weights(1), weights(2));
}

TEST(Initialisation, NoTwoParametersShareNumbers) {
  UNet unet(make_device(DeviceKind::reference), small_config());
  initialise(unet, Initialisation::pytorch, 1);
  std::map<std::string, std::vector<float>> values;
  for (const Parameter* p : unet.parameters()) values[p->name] = to_host(p->value);
  EXPECT_NE(values["mid_block.attentions.0.to_q.weight"],
            values["mid_block.attentions.0.to_k.weight"]);
}

}  // namespace
}  // namespace ddim::engine
