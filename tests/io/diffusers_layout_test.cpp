#include "io/diffusers_layout.h"

#include <gtest/gtest.h>

#include <set>

namespace ddim::engine::io {
namespace {

DiffusersLayout layout_of(const std::set<std::string>& files) {
  return find_diffusers_layout([&](const std::string& name) { return files.contains(name); });
}

TEST(DiffusersLayout, EachPartMayHaveItsFolder) {
  const DiffusersLayout foldered =
      layout_of({"unet/config.json", "scheduler/scheduler_config.json", "config.json"});
  EXPECT_EQ(foldered.unet_config(), "unet/config.json");
  EXPECT_EQ(foldered.scheduler_config(), "scheduler/scheduler_config.json");
  EXPECT_EQ(foldered.written_weights(), "unet/diffusion_pytorch_model.safetensors");

  const DiffusersLayout flat = layout_of({"config.json", "scheduler_config.json"});
  EXPECT_EQ(flat.unet_config(), "config.json");
  EXPECT_EQ(flat.scheduler_config(), "scheduler_config.json");
  EXPECT_EQ(flat.written_weights(), "diffusion_pytorch_model.safetensors");

  const DiffusersLayout mixed = layout_of({"unet/config.json", "scheduler_config.json"});
  EXPECT_EQ(mixed.unet_config(), "unet/config.json");
  EXPECT_EQ(mixed.scheduler_config(), "scheduler_config.json");
}

TEST(DiffusersLayout, AMissingScheduleIsExpectedBesideTheNetwork) {
  EXPECT_EQ(layout_of({"unet/config.json"}).scheduler_config(), "scheduler/scheduler_config.json");
  EXPECT_EQ(layout_of({"config.json"}).scheduler_config(), "scheduler_config.json");
}

}  // namespace
}  // namespace ddim::engine::io
