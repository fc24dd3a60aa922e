#include "backend/cpu/isa.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "backend/make_device.h"
#include "base/error.h"

namespace ddim::cpu {
namespace {

/// Asks for the instruction set with DDIM_ISA set to `wanted` and leaves the process: with the
/// error's code and message, or with 0 and the name of the set. The choice is made once a process.
[[noreturn]] void report_isa(const char* wanted) {
  setenv("DDIM_ISA", wanted, /*overwrite=*/1);
  try {
    std::fputs(make_device(BackendKind::cpu, 2).describe().c_str(), stderr);
  } catch (const Error& error) {
    std::fputs(error.what(), stderr);
    std::exit(static_cast<int>(error.code()));
  }
  std::exit(0);
}

class IsaDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(IsaDeathTest, EnvironmentCapsTheInstructionSet) {
  EXPECT_EXIT(report_isa("sse4"), testing::ExitedWithCode(0), "^cpu sse4, 2 threads$");
}

TEST_F(IsaDeathTest, OtherNamesAreRefused) {
  for (const char* name : {"avx9", "AVX2", "", "sse4 "}) {
    EXPECT_EXIT(report_isa(name), testing::ExitedWithCode(1),
                "it must be sse4, avx2, avx512 or avx512_bf16");
  }
}

TEST(Isa, DeviceDescribesItself) {
  const std::string isa(to_string(active_isa()));
  EXPECT_EQ(make_device(BackendKind::cpu, 1).describe(), "cpu " + isa + ", 1 thread");
  EXPECT_EQ(make_device(BackendKind::cpu, 3).worker(2).describe(), "cpu " + isa + ", 2 threads");
}

TEST(Isa, DeviceNeedsAThread) {
  EXPECT_THROW(make_device(BackendKind::cpu, 0), Error);
  EXPECT_THROW(make_device(BackendKind::cpu, 1).worker(-1), Error);
}

}  // namespace
}  // namespace ddim::cpu
