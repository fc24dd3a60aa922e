#include "io/stored_type.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

float read_one(StoredType type, std::uint16_t bits) {
  float value = 0;
  to_f32(type, std::as_bytes(std::span(&bits, 1)), std::span(&value, 1));
  return value;
}

std::uint16_t write_one(StoredType type, float value) {
  std::uint16_t bits = 0;
  from_f32(type, std::span(&value, 1), std::as_writable_bytes(std::span(&bits, 1)));
  return bits;
}

/// A half by its definition.
double half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(StoredType, EveryHalfReadsByItsDefinition) {
  for (int bits = 0; bits < 1 << 16; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double expected = half_value(half);
    const float value = read_one(StoredType::f16, half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << bits;
    } else {
      EXPECT_EQ(static_cast<double>(value), expected) << bits;
      EXPECT_EQ(std::signbit(value), std::signbit(expected)) << bits;
      EXPECT_EQ(write_one(StoredType::f16, value), half);
    }
  }
}

/// Of the two halves around `value`, the nearer; of two equally near ones, the even.
std::uint16_t nearest_half(float value) {
  const auto magnitude = static_cast<double>(std::fabs(value));
  std::uint16_t low = 0;  // the largest half that is not above
  for (int step = 1 << 14; step > 0; step /= 2) {
    const auto candidate = static_cast<std::uint16_t>(low + step);
    if (candidate < 0x7C00 && half_value(candidate) <= magnitude) low = candidate;
  }
  const auto high = static_cast<std::uint16_t>(low + 1);
  // Above the largest half stands what would be the next one, 65536.
  const double high_value = high == 0x7C00 ? 65536.0 : half_value(high);
  const double below = magnitude - half_value(low), above = high_value - magnitude;
  const bool up = above < below || (above == below && high % 2 == 0);
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  return static_cast<std::uint16_t>(sign | (up ? high : low));
}

TEST(StoredType, FloatsRoundToTheNearestHalf) {
  std::vector<float> values = {0.0F,    -0.0F,  65504.0F,     65519.996F,    65520.0F,
                               1e30F,   -1e30F, 6e-8F,        2.9802322e-8F, 2.98e-8F,
                               6.1e-5F, 1e-40F, 2.9802326e-8F};
  // Every midpoint between two halves, and its neighbours.
  for (std::uint16_t half = 0; half < 0x7BFF; ++half) {
    const auto next = static_cast<std::uint16_t>(half + 1);
    const auto midpoint = static_cast<float>((half_value(half) + half_value(next)) / 2);
    values.push_back(midpoint);
    values.push_back(std::nextafter(midpoint, 0.0F));
    values.push_back(-std::nextafter(midpoint, 1e9F));
  }
  std::mt19937 random(1);
  for (int i = 0; i < 50'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(value)) values.push_back(value);
  }
  for (const float value : values) {
    ASSERT_EQ(write_one(StoredType::f16, value), nearest_half(value)) << value;
  }
  EXPECT_EQ(write_one(StoredType::f16, INFINITY), 0x7C00);
  EXPECT_EQ(write_one(StoredType::f16, -INFINITY), 0xFC00);
  EXPECT_TRUE(std::isnan(read_one(StoredType::f16, write_one(StoredType::f16, NAN))));
}

/// Magnitude `bits` of an 8-bit number by its definition in arXiv:2209.05433.
double small_value(StoredType type, int bits) {
  const bool is_e4m3 = type == StoredType::f8_e4m3;
  const int fraction_bits = is_e4m3 ? 3 : 2, bias = is_e4m3 ? 7 : 15;
  const int exponent = bits >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  if (is_e4m3 && bits == 0x7F) return NAN;
  if (!is_e4m3 && exponent == 31) return fraction != 0 ? NAN : INFINITY;
  if (exponent == 0) return std::ldexp(fraction, 1 - bias - fraction_bits);
  return std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

TEST(StoredType, EveryNumberOf8BitsReadsAndRoundsByItsDefinition) {
  for (const StoredType type : {StoredType::f8_e4m3, StoredType::f8_e5m2}) {
    const auto read = [&](int bits) {
      const auto byte = static_cast<std::byte>(bits);
      float value = 0;
      to_f32(type, std::span(&byte, 1), std::span(&value, 1));
      return value;
    };
    const auto write = [&](float value) {
      std::byte byte{};
      from_f32(type, std::span(&value, 1), std::span(&byte, 1));
      return static_cast<int>(byte);
    };
    const int special = type == StoredType::f8_e4m3 ? 0x7F : 0x7C;
    for (int bits = 0; bits < 0x80; ++bits) {
      const double expected = small_value(type, bits);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(read(bits)) && std::isnan(read(bits | 0x80))) << bits;
        continue;
      }
      EXPECT_EQ(read(bits), static_cast<float>(expected)) << bits;
      EXPECT_EQ(read(bits | 0x80), static_cast<float>(-expected)) << bits;
      EXPECT_EQ(write(read(bits)), bits);
      EXPECT_EQ(write(read(bits | 0x80)), bits | 0x80);
      if (bits + 1 >= special) continue;
      // Half-way to the next, and just beside.
      const float next = read(bits + 1), middle = (read(bits) + next) / 2;
      EXPECT_EQ(write(middle), bits % 2 == 0 ? bits : bits + 1) << middle;
      EXPECT_EQ(write(std::nextafter(middle, 0.0F)), bits) << middle;
      EXPECT_EQ(write(-std::nextafter(middle, 1e9F)), (bits + 1) | 0x80) << middle;
    }
    EXPECT_EQ(write(1e30F), special);
    EXPECT_EQ(write(-INFINITY), special | 0x80);
    EXPECT_TRUE(std::isnan(read(write(NAN))));
    EXPECT_EQ(write(1e-30F), 0);
  }
}

TEST(StoredType, Bfloat16IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(read_one(StoredType::bf16, 0x3FC0), 1.5F);
  EXPECT_EQ(write_one(StoredType::bf16, std::bit_cast<float>(0x3F808000U)), 0x3F80);  // to even
  EXPECT_EQ(write_one(StoredType::bf16, std::bit_cast<float>(0x3F818000U)), 0x3F82);
  EXPECT_EQ(write_one(StoredType::bf16, std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(write_one(StoredType::bf16, std::bit_cast<float>(0x7F7FFFFFU)), 0x7F80);
  EXPECT_TRUE(std::isnan(read_one(StoredType::bf16, write_one(StoredType::bf16, NAN))));
  EXPECT_TRUE(std::isnan(
      read_one(StoredType::bf16, write_one(StoredType::bf16, std::bit_cast<float>(0x7F800001U)))));
}

TEST(StoredType, UnalignedBytes) {
  const float value = 1.25F;
  std::array<std::byte, 9> bytes{};
  const double wide = -3.5;
  std::memcpy(&bytes[1], &wide, 8);
  float out = 0;
  to_f32(StoredType::f64, std::span(bytes).subspan(1), std::span(&out, 1));
  EXPECT_EQ(out, -3.5F);
  from_f32(StoredType::f32, std::span(&value, 1), std::span(bytes).subspan(3, 4));
  to_f32(StoredType::f32, std::span(bytes).subspan(3, 4), std::span(&out, 1));
  EXPECT_EQ(out, value);
}

TEST(StoredType, NamesAndSizes) {
  for (int i = 0; i <= static_cast<int>(StoredType::u64); ++i) {
    const auto type = static_cast<StoredType>(i);
    EXPECT_EQ(stored_type_from(to_string(type)), type);
  }
  EXPECT_EQ(size_of(StoredType::bf16), 2U);
  EXPECT_EQ(size_of(StoredType::boolean), 1U);
  EXPECT_EQ(stored_type_from("f32"), std::nullopt);
  float out = 0;
  const std::array<std::byte, 4> bytes{};
  ddim::test::expect_error(ErrorCode::user, testing::HasSubstr("I32"),
                           [&] { to_f32(StoredType::i32, bytes, std::span(&out, 1)); });
}

}  // namespace
}  // namespace ddim::engine::io
