#include "model/official_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "backend/make_device.h"
#include "model/official_names.h"
#include "nn/unet.h"
#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::model {
namespace {

using test::expect_error;

std::vector<std::string> official_names_of(const UNetConfig& config) {
  std::vector<std::string> names;
  const UNet unet(make_dry_device(), config);
  for (const Parameter* parameter : unet.parameters())
    names.push_back(official_name(parameter->name, config.num_levels()));
  return names;
}

std::vector<std::string> in_official_order(const UNetConfig& config) {
  const std::vector<std::string> names = official_names_of(config);
  std::vector<std::string> sorted;
  for (const std::size_t place : official_order(names)) sorted.push_back(names[place]);
  return sorted;
}

// The order in which torch.save wrote the official code's dictionary of the golden network.
TEST(OfficialOrder, IsThatOfTheOfficialCheckpoint) {
  std::ifstream file("tests/model/official_micro_names.txt");
  std::vector<std::string> expected;
  for (std::string name; file >> name;) expected.push_back(name);
  ASSERT_EQ(expected.size(), 144U);
  const UNetConfig micro{.sample_size = 8,
                         .layers_per_block = 1,
                         .block_out_channels = {64, 64},
                         .base_channels = 32,
                         .attention_levels = {1}};
  EXPECT_EQ(in_official_order(micro), expected);
}

TEST(OfficialOrder, IsABijectionForEveryPublishedNetwork) {
  struct Published {
    UNetConfig config;
    std::size_t num_tensors;
    std::int64_t num_parameters;
  };
  const Published published[] = {{cifar10_config(), 328, 35'746'307},
                                 {celeba64_config(), 390, 78'700'803},
                                 {lsun256_config(), 450, 113'673'219}};
  for (const Published& network : published) {
    std::vector<std::string> names = official_names_of(network.config);
    EXPECT_EQ(names.size(), network.num_tensors);
    EXPECT_EQ(UNet(make_dry_device(), network.config).num_parameters(), network.num_parameters);
    std::vector<std::string> sorted = in_official_order(network.config);
    EXPECT_EQ(sorted.front(), "temb.dense.0.weight");
    EXPECT_EQ(sorted.back(), "conv_out.bias");
    std::ranges::sort(names);
    std::ranges::sort(sorted);
    EXPECT_EQ(names, sorted);
    EXPECT_TRUE(std::ranges::adjacent_find(names) == names.end());
  }
}

TEST(OfficialOrder, LevelsAreNumbersNotText) {
  const std::vector<std::size_t> order =
      official_order({"down.10.block.0.conv1.bias", "down.2.block.0.conv1.bias"});
  EXPECT_EQ(order, (std::vector<std::size_t>{1, 0}));
}

TEST(OfficialOrder, OtherNamesAreRefused) {
  expect_error(ErrorCode::internal, {"conv_in.strength", "is not a parameter's name"},
               [] { official_order({"conv_in.strength"}); });
}

}  // namespace
}  // namespace ddim::engine::model
