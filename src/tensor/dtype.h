#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "tensor/bf16.h"

namespace ddim::engine {

/// `f64` exists on the reference backend only, where it is what finite differences are taken in.
/// `bf16` exists on GPUs only, for the activations of a network (Device::activation_dtype).
enum class DType : std::uint8_t { f32, f64, bf16 };

std::size_t size_of(DType dtype);
std::string_view to_string(DType dtype);
/// What statistics of such elements are kept in (means, logarithms of sums): f64 for f64, otherwise
/// f32.
inline DType statistics_dtype(DType dtype) { return dtype == DType::f64 ? dtype : DType::f32; }

template <class T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Bf16>);
  if (std::is_same_v<T, Bf16>) return DType::bf16;
  return std::is_same_v<T, float> ? DType::f32 : DType::f64;
}

}  // namespace ddim::engine
