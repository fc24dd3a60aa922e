#include "backend/cpu/isa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "backend/make_device.h"
#include "base/error.h"
#include "tests/backend/tensors.h"

namespace ddim::engine::cpu {
namespace {

/// Asks for the instruction set with DDIM_ISA set to `wanted` and leaves the process: with the
/// error's code and message, or with 0 and the name of the set. The choice is made once a process.
[[noreturn]] void report_isa(const char* wanted) {
  setenv("DDIM_ISA", wanted, /*overwrite=*/1);
  try {
    std::fputs(make_device(DeviceKind::cpu, 2).describe().c_str(), stderr);
  } catch (const Error& error) {
    std::fputs(error.what(), stderr);
    std::exit(static_cast<int>(error.code()));
  }
  std::exit(0);
}

#if defined(__aarch64__)
constexpr const char* kStyle = "fast";  // forks: qemu cannot start a program of its own kind
constexpr const char* kLeast = "neon";
constexpr const char* kOfAnotherArchitecture = "sse4";
constexpr const char* kWhatIsPossible = "it must be neon, or unset";
#else
constexpr const char* kStyle = "threadsafe";
constexpr const char* kLeast = "sse4";
constexpr const char* kOfAnotherArchitecture = "neon";
constexpr const char* kWhatIsPossible =
    "it must be sse4, avx2, avx512, avx512_bf16 or amx_bf16, or unset";
#endif

class IsaDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, kStyle); }
};

TEST_F(IsaDeathTest, EnvironmentCapsTheInstructionSet) {
  EXPECT_EXIT(report_isa(kLeast), testing::ExitedWithCode(0), std::string("^cpu ") + kLeast + "$");
}

TEST_F(IsaDeathTest, OtherNamesAreRefused) {
  for (const char* name : {kOfAnotherArchitecture, "avx9", "AVX2", "sse4 "}) {
    EXPECT_EXIT(report_isa(name), testing::ExitedWithCode(1), kWhatIsPossible) << name;
  }
}

/// Computes a convolution with DDIM_CONV set to `wanted` and leaves the process with the error's
/// code and message, or with 0 and the largest difference from `ref`.
[[noreturn]] void report_conv(const char* wanted) {
  setenv("DDIM_CONV", wanted, /*overwrite=*/1);
  try {
    const auto conv = [](DeviceKind kind) {
      const Device device = make_device(kind);
      Tensor y = Tensor::persistent(device, {1, 16, 16, 128});
      device.kernels().conv2d(test::normal_tensor(device, {1, 16, 16, 128}, 0),
                              test::normal_tensor(device, {128, 128, 3, 3}, 1), {}, ConvGeometry{},
                              y);
      return to_host(y);
    };
    const std::vector<float> expected = conv(DeviceKind::reference);
    const std::vector<float> actual = conv(DeviceKind::cpu);
    double most = 0.0;
    for (std::size_t i = 0; i < actual.size(); ++i)
      most = std::max(most, std::abs(double{actual[i]} - expected[i]));
    // Values are of order 34: direct sums are off by 1.8e-4 at most, 4x4 tiles by 5.7e-4.
    std::fputs(most < 3e-4 ? "direct" : "winograd", stderr);
  } catch (const Error& error) {
    std::fputs(error.what(), stderr);
    std::exit(static_cast<int>(error.code()));
  }
  std::exit(0);
}

TEST_F(IsaDeathTest, EnvironmentChoosesDirectConvolution) {
  EXPECT_EXIT(report_conv("direct"), testing::ExitedWithCode(0), "^direct$");
  EXPECT_EXIT(report_conv("any"), testing::ExitedWithCode(0), "^winograd$");
  EXPECT_EXIT(report_conv("fast"), testing::ExitedWithCode(1),
              "DDIM_CONV is \"fast\"; it must be any or direct, or unset");
}

TEST_F(IsaDeathTest, AnEmptyVariableIsNotSet) {
  EXPECT_EXIT(report_isa(""), testing::ExitedWithCode(0), "^cpu ");
  EXPECT_EXIT(report_conv(""), testing::ExitedWithCode(0), "^winograd$");
}

TEST(Isa, DeviceDescribesItself) {
  const std::string isa(to_string(active_isa()));
  EXPECT_EQ(make_device(DeviceKind::cpu, 1).describe(), "cpu " + isa);
  EXPECT_EQ(make_device(DeviceKind::cpu, 3).worker(2).describe(), "cpu " + isa);
  // Which draws other bits, so work that goes on or is shared must tell the two apart.
  ::setenv("DDIM_CONV", "direct", 1);
  const Device direct = make_device(DeviceKind::cpu, {.precision = Precision::bf16});
  ::unsetenv("DDIM_CONV");
  EXPECT_EQ(direct.worker(1).describe(), "cpu " + isa + " with direct convolutions, bf16");
}

TEST(Isa, DeviceNeedsAThread) {
  EXPECT_THROW(make_device(DeviceKind::cpu, 0), Error);
  EXPECT_THROW(make_device(DeviceKind::cpu, 1).worker(-1), Error);
}

}  // namespace
}  // namespace ddim::engine::cpu
