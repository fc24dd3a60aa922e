#include "backend/cpu/workspace.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace ddim::engine::cpu {
namespace {

TEST(Workspace, GrowsAndIsReused) {
  Workspace workspace;
  for (const std::size_t num_bytes : {0, 100, 5000}) {
    std::byte* const data = workspace.get(num_bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0);
    std::memset(data, 1, num_bytes);
  }
  std::byte* const largest = workspace.get(5000);
  EXPECT_EQ(workspace.get(10), largest);
  EXPECT_EQ(workspace.get(5000), largest);
}

}  // namespace
}  // namespace ddim::engine::cpu
