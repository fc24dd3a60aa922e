#include "io/stored_type.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian, and so are we");

struct Type {
  StoredType type;
  std::string_view spelling;
  std::size_t size;
};

constexpr std::array kTypes = {
    Type{StoredType::boolean, "BOOL", 1},    Type{StoredType::u8, "U8", 1},
    Type{StoredType::i8, "I8", 1},           Type{StoredType::f8_e5m2, "F8_E5M2", 1},
    Type{StoredType::f8_e4m3, "F8_E4M3", 1}, Type{StoredType::i16, "I16", 2},
    Type{StoredType::u16, "U16", 2},         Type{StoredType::f16, "F16", 2},
    Type{StoredType::bf16, "BF16", 2},       Type{StoredType::i32, "I32", 4},
    Type{StoredType::u32, "U32", 4},         Type{StoredType::f32, "F32", 4},
    Type{StoredType::f64, "F64", 8},         Type{StoredType::i64, "I64", 8},
    Type{StoredType::u64, "U64", 8},
};

const Type& entry(StoredType type) {
  const Type& found = kTypes[static_cast<std::size_t>(type)];
  assert(found.type == type);
  return found;
}

// The conversions below choose by ?: and not by if, so that the compiler vectorises their loops.
// A float has 1 sign bit, 8 of exponent (bias 127) and 23 of fraction.

/// A narrower number: a sign bit and these. `special` is the least magnitude that is no finite
/// number: infinity, or in E4M3 (which has none) the only NaN.
template <int exponent_bits, int fraction_bits, std::uint32_t special>
struct Narrow {
  static constexpr std::uint32_t kBias = (1U << (exponent_bits - 1)) - 1;
  static constexpr int kShift = 23 - fraction_bits;
  static constexpr std::uint32_t kSign = 1U << (exponent_bits + fraction_bits);
  static constexpr std::uint32_t kLeastNormal = 1U << fraction_bits;
  static constexpr std::uint32_t kNan =
      special | (special % kLeastNormal == 0 ? kLeastNormal / 2 : 0);
  /// 1 over the least number above 0.
  static constexpr float kSteps = static_cast<float>(1U << (kBias - 1 + fraction_bits));

  /// Exact.
  static float to_float(std::uint32_t bits) {
    const std::uint32_t magnitude = bits & (kSign - 1);
    const std::uint32_t rebias =
        magnitude < special ? 127 - kBias : 255 - ((1U << exponent_bits) - 1);
    const std::uint32_t normal = (magnitude << kShift) + (rebias << 23);
    const float subnormal =
        static_cast<float>(static_cast<std::int32_t>(magnitude)) * (1.0F / kSteps);
    const std::uint32_t number =
        magnitude < kLeastNormal ? std::bit_cast<std::uint32_t>(subnormal) : normal;
    return std::bit_cast<float>((bits & kSign) << (31 - exponent_bits - fraction_bits) | number);
  }

  /// Rounds to nearest even; what is beyond the largest number becomes `special`.
  static std::uint32_t from_float(float value) {
    const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t magnitude = word & 0x7FFFFFFFU;
    const std::uint32_t rounded =  // carries upwards
        magnitude + ((1U << (kShift - 1)) - 1) + (magnitude >> kShift & 1U);
    const std::uint32_t normal =
        std::min((rounded >> kShift) - ((127 - kBias) << fraction_bits), special);
    // Adding 2^23 makes the processor round to a whole number of steps.
    const float steps = std::fabs(value) * kSteps + 0x1p23F;
    const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(steps) - 0x4B000000U;
    const std::uint32_t number = magnitude < (128 - kBias) << 23 ? subnormal : normal;
    const std::uint32_t bits = magnitude > 0x7F800000U ? kNan : number;
    return (word >> (31 - exponent_bits - fraction_bits) & kSign) | bits;
  }
};
using Half = Narrow<5, 10, 0x7C00>;
using E5m2 = Narrow<5, 2, 0x7C>;
using E4m3 = Narrow<4, 3, 0x7F>;

float bfloat_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

std::uint16_t float_to_bfloat(float value) {
  const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (word + 0x7FFFU + ((word >> 16) & 1U)) >> 16;
  return static_cast<std::uint16_t>(std::isnan(value) ? (word >> 16) | 0x40U : rounded);
}

/// Elements of a file have no alignment, so they are moved by memcpy.
template <class From, class To, class Convert>
void convert_all(const std::byte* from, std::byte* to, std::size_t count, Convert convert) {
  for (std::size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * sizeof value, sizeof value);
    const To result = convert(value);
    std::memcpy(to + i * sizeof result, &result, sizeof result);
  }
}

template <class Bits, class Number>
void widen_all(const std::byte* from, std::byte* to, std::size_t count) {
  convert_all<Bits, float>(from, to, count, [](Bits bits) { return Number::to_float(bits); });
}

template <class Bits, class Number>
void narrow_all(const std::byte* from, std::byte* to, std::size_t count) {
  convert_all<float, Bits>(from, to, count,
                           [](float x) { return static_cast<Bits>(Number::from_float(x)); });
}

[[noreturn]] void fail_type(StoredType type) {
  fail(ErrorCode::user, to_string(type), " elements cannot be taken as floats");
}

}  // namespace

bool is_float(StoredType type) {
  switch (type) {
    case StoredType::f8_e5m2:
    case StoredType::f8_e4m3:
    case StoredType::f16:
    case StoredType::bf16:
    case StoredType::f32:
    case StoredType::f64:
      return true;
    default:
      return false;
  }
}

std::size_t size_of(StoredType type) { return entry(type).size; }

std::string_view to_string(StoredType type) { return entry(type).spelling; }

std::optional<StoredType> stored_type_from(std::string_view spelling) {
  for (const Type& type : kTypes) {
    if (type.spelling == spelling) return type.type;
  }
  return std::nullopt;
}

void to_f32(StoredType type, std::span<const std::byte> bytes, std::span<float> out) {
  assert(bytes.size() == out.size() * size_of(type));
  std::byte* to = std::as_writable_bytes(out).data();
  switch (type) {
    case StoredType::f64:
      return convert_all<double, float>(bytes.data(), to, out.size(),
                                        [](double x) { return static_cast<float>(x); });
    case StoredType::f32:
      if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
      return;
    case StoredType::f16:
      return widen_all<std::uint16_t, Half>(bytes.data(), to, out.size());
    case StoredType::f8_e5m2:
      return widen_all<std::uint8_t, E5m2>(bytes.data(), to, out.size());
    case StoredType::f8_e4m3:
      return widen_all<std::uint8_t, E4m3>(bytes.data(), to, out.size());
    case StoredType::bf16:
      return convert_all<std::uint16_t, float>(bytes.data(), to, out.size(), bfloat_to_float);
    default:
      fail_type(type);
  }
}

void from_f32(StoredType type, std::span<const float> values, std::span<std::byte> out) {
  assert(out.size() == values.size() * size_of(type));
  const std::byte* from = std::as_bytes(values).data();
  switch (type) {
    case StoredType::f64:
      return convert_all<float, double>(from, out.data(), values.size(),
                                        [](float x) { return static_cast<double>(x); });
    case StoredType::f32:
      if (!values.empty()) std::memcpy(out.data(), from, out.size());
      return;
    case StoredType::f16:
      return narrow_all<std::uint16_t, Half>(from, out.data(), values.size());
    case StoredType::f8_e5m2:
      return narrow_all<std::uint8_t, E5m2>(from, out.data(), values.size());
    case StoredType::f8_e4m3:
      return narrow_all<std::uint8_t, E4m3>(from, out.data(), values.size());
    case StoredType::bf16:
      return convert_all<float, std::uint16_t>(from, out.data(), values.size(), float_to_bfloat);
    default:
      fail_type(type);
  }
}

}  // namespace ddim::engine::io
