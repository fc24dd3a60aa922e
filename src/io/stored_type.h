#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ddim::engine::io {

/// The element types of safetensors files that are whole bytes wide, in the order of the Rust
/// library: it writes tensors of the last type first.
enum class StoredType : std::uint8_t {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  f64,
  i64,
  u64,
};
std::size_t size_of(StoredType type);
/// "F32", as the file spells it.
std::string_view to_string(StoredType type);
std::optional<StoredType> stored_type_from(std::string_view spelling);

/// Whether to_f32() and from_f32() take it.
bool is_float(StoredType type);

/// out[i] = the i-th little-endian element of `bytes`, which is_float() (others: Error(user)).
/// Exact except for f64, which is rounded to nearest even.
void to_f32(StoredType type, std::span<const std::byte> bytes, std::span<float> out);

/// The inverse: rounds to nearest even. A value beyond the largest becomes infinite, or NaN in
/// f8_e4m3, which has no infinity: the caller checks ranges.
void from_f32(StoredType type, std::span<const float> values, std::span<std::byte> out);

}  // namespace ddim::engine::io
