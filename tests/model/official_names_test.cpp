#include "model/official_names.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "backend/make_device.h"
#include "nn/unet.h"
#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::model {
namespace {

using test::expect_error;

TEST(OfficialNames, AreThoseOfTheCifar10Checkpoint) {
  std::ifstream file("tests/nn/cifar10_parameters.txt");
  int count = 0;
  for (std::string name, shape, official; file >> name >> shape >> official; ++count)
    EXPECT_EQ(official_name(name, 4), official);
  EXPECT_EQ(count, 328);
}

TEST(OfficialNames, AreOneToOneForEveryPublishedNetwork) {
  for (const UNetConfig& config : {cifar10_config(), celeba64_config(), lsun256_config()}) {
    const UNet unet(make_dry_device(), config);
    std::set<std::string> names;
    for (const Parameter* p : unet.parameters())
      names.insert(official_name(p->name, config.num_levels()));
    EXPECT_EQ(names.size(), unet.parameters().size());
  }
}

TEST(OfficialNames, AttentionWeightsAreConvolutionsThere) {
  using Dims = std::vector<std::int64_t>;
  EXPECT_EQ(official_shape("mid_block.attentions.0.to_q.weight", {8, 8}), (Dims{8, 8, 1, 1}));
  EXPECT_EQ(official_shape("mid_block.attentions.0.to_q.bias", {8}), (Dims{8}));
  EXPECT_EQ(official_shape("time_embedding.linear_1.weight", {32, 8}), (Dims{32, 8}));
  EXPECT_EQ(official_shape("conv_in.weight", {8, 3, 3, 3}), (Dims{8, 3, 3, 3}));
}

TEST(OfficialNames, RefusesWhatIsNoParameter) {
  for (const char* name : {"", "weights", "down_blocks.4.resnets.0.conv1.weight",
                           "down_blocks.x.resnets.0.conv1.weight", "up_blocks.0.other.weight"})
    expect_error(ErrorCode::internal, {"is not a parameter of a U-Net with 4 levels"},
                 [&] { official_name(name, 4); });
}

}  // namespace
}  // namespace ddim::engine::model
