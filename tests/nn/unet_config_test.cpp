#include "nn/unet_config.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/error.h"
#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"

namespace ddim::engine {
namespace {

struct BadConfig {
  const char* name;
  std::function<void(UNetConfig&)> spoil;
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const BadConfig& bad) { return out << bad.name; }

class BadUNetConfig : public testing::TestWithParam<BadConfig> {};

TEST_P(BadUNetConfig, IsRefusedByName) {
  UNetConfig config = cifar10_config();
  GetParam().spoil(config);
  test::expect_error(ErrorCode::user, GetParam().message, [&] { validate(config); });
}

const BadConfig kBadConfigs[] = {
    {"groups", [](UNetConfig& c) { c.block_out_channels[1] = 48; },
     "unet: block_out_channels[1] (48) must be a multiple of norm_num_groups (32)"},
    {"no_levels", [](UNetConfig& c) { c.block_out_channels.clear(); },
     "unet: block_out_channels is empty"},
    {"many_levels", [](UNetConfig& c) { c.block_out_channels.assign(13, 32); },
     "unet: block_out_channels has 13 levels"},
    {"zero_channels", [](UNetConfig& c) { c.block_out_channels[3] = 0; },
     "unet: block_out_channels[3] (0) must be from 1"},
    {"huge_channels", [](UNetConfig& c) { c.block_out_channels[3] = std::int64_t{1} << 40; },
     "unet: block_out_channels[3] (1099511627776) must be from 1 to 65536"},
    {"negative_channels", [](UNetConfig& c) { c.in_channels = -3; },
     "unet: in_channels (-3) must be from 1"},
    {"zero_out", [](UNetConfig& c) { c.out_channels = 0; }, "unet: out_channels (0)"},
    {"zero_layers", [](UNetConfig& c) { c.layers_per_block = 0; }, "unet: layers_per_block (0)"},
    {"zero_groups", [](UNetConfig& c) { c.norm_num_groups = 0; }, "unet: norm_num_groups (0)"},
    {"zero_size", [](UNetConfig& c) { c.sample_size = 0; }, "unet: sample_size (0)"},
    {"odd_size", [](UNetConfig& c) { c.sample_size = 28; },
     "unet: sample_size (28) must be a multiple of 8: 4 levels halve it 3 times"},
    {"odd_width", [](UNetConfig& c) { c.sample_width = 20; },
     "unet: sample_size (20) must be a multiple of 8"},
    {"attention_nowhere", [](UNetConfig& c) { c.attention_levels = {4}; },
     "unet: attention_levels[0] (4) does not exist: block_out_channels gives 4 levels"},
    {"attention_negative", [](UNetConfig& c) { c.attention_levels = {-1}; },
     "unet: attention_levels[0] (-1) does not exist"},
    {"attention_twice",
     [](UNetConfig& c) {
       c.attention_levels = {1, 1};
     },
     "unet: attention_levels[1] (1) must be greater than the entry before it (1)"},
    {"head_dim", [](UNetConfig& c) { c.attention_head_dim = 257; },
     "unet: block_out_channels[1] (256) must be at least attention_head_dim (257)"},
    {"head_dim_of_the_way_up",
     [](UNetConfig& c) {
       c.attention_levels.clear();
       c.up_attention_levels = {0};
       c.attention_head_dim = 129;
     },
     "unet: block_out_channels[0] (128) must be at least attention_head_dim (129)"},
    {"head_dim_of_middle",
     [](UNetConfig& c) {
       c.attention_levels.clear();
       c.attention_head_dim = 257;
     },
     "unet: block_out_channels[3] (256) must be at least attention_head_dim (257)"},
    {"attention_nowhere_on_the_way_up", [](UNetConfig& c) { c.up_attention_levels = {4}; },
     "unet: up_attention_levels[0] (4) does not exist"},
    {"halved_after_the_last", [](UNetConfig& c) { c.resnet_downsample_levels = {3}; },
     "unet: resnet_downsample_levels holds 3, the coarsest level, which is not halved"},
    {"doubled_after_the_first",
     [](UNetConfig& c) {
       c.resnet_upsample_levels = {0, 1};
     },
     "unet: resnet_upsample_levels holds 0, the finest level"},
    {"middle_factor", [](UNetConfig& c) { c.mid_block_scale_factor = 0.0; },
     "unet: mid_block_scale_factor (0) must be above 0"},
    {"groups_in_the_middle", [](UNetConfig& c) { c.attn_norm_num_groups = 48; },
     "unet: the channels in the middle (256) must be a multiple of attn_norm_num_groups (48)"},
    {"no_number_of_times",
     [](UNetConfig& c) { c.time_embedding_type = TimeEmbeddingType::learned; },
     "unet: num_train_timesteps is missing"},
    {"no_number_of_classes", [](UNetConfig& c) { c.class_embed_type = ClassEmbedType::lookup; },
     "unet: num_class_embeds is missing"},
    {"null_class_of_no_table", [](UNetConfig& c) { c.null_class = 0; },
     "unet: null_class is given, but the network has no table of classes"},
    {"null_class_beyond_the_table",
     [](UNetConfig& c) {
       c.class_embed_type = ClassEmbedType::lookup;
       c.num_class_embeds = 10;
       c.null_class = 10;
     },
     "unet: null_class (10) must be from 0 to 9"},
    {"head_dim_zero", [](UNetConfig& c) { c.attention_head_dim = 0; },
     "unet: attention_head_dim (0)"},
    {"dropout_one", [](UNetConfig& c) { c.dropout = 1.0; }, "unet: dropout (1)"},
    {"dropout_negative", [](UNetConfig& c) { c.dropout = -0.1; }, "unet: dropout (-0.1)"},
    {"dropout_nan", [](UNetConfig& c) { c.dropout = std::numeric_limits<double>::quiet_NaN(); },
     "unet: dropout (nan)"},
    {"norm_eps_zero", [](UNetConfig& c) { c.norm_eps = 0.0; }, "unet: norm_eps (0)"},
    {"norm_eps_above_one", [](UNetConfig& c) { c.norm_eps = 1.5; },
     "unet: norm_eps (1.5) must be above 0 and at most 1"},
    {"norm_eps_nan", [](UNetConfig& c) { c.norm_eps = std::numeric_limits<double>::quiet_NaN(); },
     "unet: norm_eps (nan)"},
    {"padding", [](UNetConfig& c) { c.downsample_padding = 2; }, "unet: downsample_padding (2)"},
    {"freq_shift", [](UNetConfig& c) { c.freq_shift = 2; }, "unet: freq_shift (2)"},
    {"odd_first_level",
     [](UNetConfig& c) {
       c.norm_num_groups = 1;
       c.block_out_channels[0] = 7;
     },
     "unet: block_out_channels[0] (7) must be even"},
    {"base_groups", [](UNetConfig& c) { c.base_channels = 48; },
     "unet: base_channels (48) must be a multiple of norm_num_groups (32)"},
    {"base_zero", [](UNetConfig& c) { c.base_channels = 0; }, "unet: base_channels (0)"},
    {"one_frequency",
     [](UNetConfig& c) {
       c.norm_num_groups = 1;
       c.block_out_channels[0] = 2;
     },
     "unet: block_out_channels[0] (2) must be at least 4 with freq_shift 1"},
};

INSTANTIATE_TEST_SUITE_P(All, BadUNetConfig, testing::ValuesIn(kBadConfigs),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(UNetConfig, PublishedOnesAreAccepted) {
  EXPECT_NO_THROW(validate(cifar10_config()));
  EXPECT_NO_THROW(validate(celeba64_config()));
  EXPECT_NO_THROW(validate(lsun256_config()));
  EXPECT_NO_THROW(validate(modulated_config()));
  EXPECT_NO_THROW(validate(learned_times_config()));
  EXPECT_NO_THROW(validate(fourier_config()));
}

}  // namespace
}  // namespace ddim::engine
