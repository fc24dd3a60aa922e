#include "nn/time_projection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/make_device.h"
#include "tensor/derived_parameters.h"
#include "tensor/kernels.h"

namespace ddim::engine {
namespace {

UNetConfig with_eight_channels() { return {.block_out_channels = {8}, .norm_num_groups = 4}; }

TEST(SinusoidalEmbedding, IsSinesThenCosines) {
  const double t[] = {3.5, 0.0};
  const std::vector<float> rows = sinusoidal_embedding(t, with_eight_channels());
  ASSERT_EQ(rows.size(), 16U);
  for (int i = 0; i < 4; ++i) {
    const double frequency = std::pow(10000.0, -i / 3.0);
    EXPECT_FLOAT_EQ(rows[static_cast<std::size_t>(i)],
                    static_cast<float>(std::sin(3.5 * frequency)));
    EXPECT_FLOAT_EQ(rows[static_cast<std::size_t>(i + 4)],
                    static_cast<float>(std::cos(3.5 * frequency)));
    EXPECT_EQ(rows[static_cast<std::size_t>(i + 8)], 0.0F);
    EXPECT_EQ(rows[static_cast<std::size_t>(i + 12)], 1.0F);
  }
}

TEST(SinusoidalEmbedding, FlipPutsCosinesFirst) {
  const double t[] = {3.5};
  UNetConfig config = with_eight_channels();
  config.flip_sin_to_cos = true;
  const std::vector<float> flipped = sinusoidal_embedding(t, config);
  std::vector<float> plain = sinusoidal_embedding(t, with_eight_channels());
  std::rotate(plain.begin(), plain.begin() + 4, plain.end());
  EXPECT_EQ(flipped, plain);
}

TEST(SinusoidalEmbedding, FrequencyShiftZeroDividesByHalf) {
  const double t[] = {2.0};
  UNetConfig config = with_eight_channels();
  config.freq_shift = 0;
  const std::vector<float> rows = sinusoidal_embedding(t, config);
  EXPECT_FLOAT_EQ(rows[3], static_cast<float>(std::sin(2.0 * std::pow(10000.0, -3.0 / 4.0))));
}

TEST(FourierEmbedding, IsSinesThenCosinesOfTurnsTimesTheLogarithm) {
  const double t[] = {1.0, std::exp(1.0)};
  const float frequencies[] = {0.25F, 3.0F};
  const std::vector<float> rows = fourier_embedding(t, frequencies);
  const float expected[] = {0, 0, 1, 1, 1, 0, 0, 1};  // log t is 0 and 1: no turn, then 1/4 and 3
  ASSERT_EQ(rows.size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(rows[i], expected[i], 1e-5) << i;
}

// A GPU would have to finish all that it does for that.
TEST(TimeProjection, ReadsFrequenciesOnceAndAgainWhereTheyChange) {
  const Device device = make_device(DeviceKind::cpu);
  UNetConfig config = with_eight_channels();
  config.time_embedding_type = TimeEmbeddingType::fourier;
  ParameterList parameters(device, DType::f32);
  const TimeProjection projection(parameters, config, DType::f32);
  Tensor& frequencies = parameters.all_mutable().front()->value;
  const auto first_sine = [&] {
    Tape tape;
    const double t[] = {std::exp(1.0)};
    return to_host(projection(tape, device, t).value())[0];
  };
  device.kernels().fill(0.25, frequencies);
  frequencies.mark_modified();
  for (int time = 0; time < 3; ++time) EXPECT_NEAR(first_sine(), 1.0, 1e-6);
  EXPECT_EQ(device.derived_parameters().num_fills(), 1);
  device.kernels().fill(0.75, frequencies);
  frequencies.mark_modified();
  EXPECT_NEAR(first_sine(), -1.0, 1e-6);
}

}  // namespace
}  // namespace ddim::engine
