#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "backend/make_device.h"
#include "nn/unet.h"
#include "tests/nn/published_configs.h"

namespace ddim::engine {
namespace {

std::string shape_text(const Shape& shape) {
  std::ostringstream text;
  for (const std::int64_t dim : shape.dims()) text << (text.tellp() > 0 ? "x" : "") << dim;
  return text.str();
}

TEST(UNetParameters, NamesAndShapesAreThoseOfTheCifar10Checkpoint) {
  std::ifstream file("tests/nn/cifar10_parameters.txt");
  std::map<std::string, std::string> expected;
  for (std::string name, shape, official; file >> name >> shape >> official;)
    expected[name] = shape;
  ASSERT_EQ(expected.size(), 328U);

  std::map<std::string, std::string> found;
  const UNet unet(make_dry_device(), cifar10_config());
  for (const Parameter* p : unet.parameters()) found[p->name] = shape_text(p->value.shape());
  EXPECT_EQ(found, expected);
}

struct Count {
  const char* name;
  UNetConfig config;
  std::size_t num_tensors;
  std::int64_t num_parameters;
};

TEST(UNetParameters, CountsAreThoseOfThePublishedModels) {
  const Count counts[] = {{"CIFAR-10", cifar10_config(), 328, 35'746'307},
                          {"CelebA", celeba64_config(), 390, 78'700'803},
                          {"LSUN", lsun256_config(), 450, 113'673'219}};
  for (const Count& count : counts) {
    SCOPED_TRACE(count.name);
    const UNet unet(make_dry_device(), count.config);
    EXPECT_EQ(unet.parameters().size(), count.num_tensors);
    EXPECT_EQ(unet.num_parameters(), count.num_parameters);
  }
}

// The order is part of checkpoints (optimizer state) and of the initial weights: it must not move.
TEST(UNetParameters, OrderIsDiffusersRegistration) {
  const UNet unet(make_dry_device(), small_config());
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < unet.parameters().size(); ++i) {
    const Parameter& p = *unet.parameters()[i];
    EXPECT_EQ(p.index, i);
    const std::string layer = p.name.substr(0, p.name.rfind('.'));
    EXPECT_EQ(p.name, layer + (i % 2 == 0 ? ".weight" : ".bias"));
    if (i % 2 == 0) layers.push_back(layer);
  }
  const auto res_block = [](std::vector<std::string>& out, const std::string& name, bool shortcut) {
    for (const char* part : {"norm1", "conv1", "time_emb_proj", "norm2", "conv2"})
      out.push_back(name + "." + part);
    if (shortcut) out.push_back(name + ".conv_shortcut");
  };
  const auto attention = [](std::vector<std::string>& out, const std::string& name) {
    for (const char* part : {"group_norm", "to_q", "to_k", "to_v", "to_out.0"})
      out.push_back(name + "." + part);
  };
  std::vector<std::string> expected = {"conv_in", "time_embedding.linear_1",
                                       "time_embedding.linear_2"};
  res_block(expected, "down_blocks.0.resnets.0", false);
  expected.emplace_back("down_blocks.0.downsamplers.0.conv");
  attention(expected, "down_blocks.1.attentions.0");
  res_block(expected, "down_blocks.1.resnets.0", true);
  attention(expected, "up_blocks.0.attentions.0");
  attention(expected, "up_blocks.0.attentions.1");
  res_block(expected, "up_blocks.0.resnets.0", true);
  res_block(expected, "up_blocks.0.resnets.1", true);
  expected.emplace_back("up_blocks.0.upsamplers.0.conv");
  res_block(expected, "up_blocks.1.resnets.0", true);
  res_block(expected, "up_blocks.1.resnets.1", true);
  attention(expected, "mid_block.attentions.0");
  res_block(expected, "mid_block.resnets.0", false);
  res_block(expected, "mid_block.resnets.1", false);
  expected.emplace_back("conv_norm_out");
  expected.emplace_back("conv_out");
  EXPECT_EQ(layers, expected);
}

std::map<std::string, Shape> shapes_of(const UNetConfig& config) {
  const UNet unet(make_dry_device(), config);
  std::map<std::string, Shape> shapes;
  for (const Parameter* p : unet.parameters()) shapes[p->name] = p->value.shape();
  return shapes;
}

TEST(UNetParameters, ModulationHasTwiceTheChannels) {
  const auto shapes = shapes_of(modulated_config());
  EXPECT_EQ(shapes.at("down_blocks.2.resnets.0.time_emb_proj.weight"), (Shape{24, 32}));
  EXPECT_EQ(shapes.at("down_blocks.0.downsamplers.0.conv1.weight"), (Shape{8, 8, 3, 3}));
  EXPECT_EQ(shapes.at("down_blocks.1.downsamplers.0.conv.weight"), (Shape{8, 8, 3, 3}));
  EXPECT_EQ(shapes.at("up_blocks.0.upsamplers.0.conv2.weight"), (Shape{12, 12, 3, 3}));
  EXPECT_EQ(shapes.at("mid_block.attentions.0.to_q.weight"), (Shape{10, 12}));
  EXPECT_EQ(shapes.at("mid_block.attentions.0.to_out.0.weight"), (Shape{12, 10}));
  EXPECT_EQ(shapes.at("class_embedding.weight"), (Shape{4, 32}));
  EXPECT_TRUE(shapes.contains("up_blocks.1.attentions.0.group_norm.weight"));
  EXPECT_FALSE(shapes.contains("up_blocks.0.attentions.0.group_norm.weight"));
  EXPECT_FALSE(shapes.contains("mid_block.attentions.0.group_norm.weight"));  // as in diffusers
}

TEST(UNetParameters, EmbeddingsStandAfterTheFirstConvolution) {
  const UNet unet(make_dry_device(), learned_times_config());
  std::vector<std::string> names;
  for (std::size_t i = 2; i < 11; ++i) names.push_back(unet.parameters()[i]->name);
  EXPECT_THAT(names, testing::ElementsAre(
                         "time_proj.weight", "time_embedding.linear_1.weight",
                         "time_embedding.linear_1.bias", "time_embedding.linear_2.weight",
                         "time_embedding.linear_2.bias", "class_embedding.linear_1.weight",
                         "class_embedding.linear_1.bias", "class_embedding.linear_2.weight",
                         "class_embedding.linear_2.bias"));
  EXPECT_EQ(unet.parameters()[2]->value.shape(), (Shape{6, 8}));
  EXPECT_EQ(unet.parameters()[5]->value.shape(), (Shape{10, 10}));
}

TEST(UNetParameters, WithoutAMiddleThereIsNone) {
  for (const auto& [name, shape] : shapes_of(fourier_config()))
    EXPECT_FALSE(name.starts_with("mid_block"));
  EXPECT_EQ(shapes_of(fourier_config()).at("time_embedding.linear_1.weight"), (Shape{32, 16}));
}

}  // namespace
}  // namespace ddim::engine
