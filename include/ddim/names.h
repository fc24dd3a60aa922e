#pragma once

#include <concepts>
#include <optional>
#include <span>
#include <string_view>

namespace ddim {

/// A value and its spelling on the command line, in configurations and in recipes.
template <class Value>
struct Named {
  Value value;
  std::string_view name;
};

/// Specialised beside each enumeration that users spell: all() lists every value with its name, the
/// default first.
template <class Value>
struct Names;

template <class Value>
concept HasNames = requires {
  { Names<Value>::all() } -> std::convertible_to<std::span<const Named<Value>>>;
};

/// "dpmpp-2m", "fp32": the spelling of a value.
template <HasNames Value>
constexpr std::string_view to_string(Value value) {
  for (const Named<Value>& entry : Names<Value>::all())
    if (entry.value == value) return entry.name;
  return "";
}

/// The value with this spelling, if there is one.
template <HasNames Value>
constexpr std::optional<Value> value_named(std::string_view name) {
  for (const Named<Value>& entry : Names<Value>::all())
    if (entry.name == name) return entry.value;
  return std::nullopt;
}

}  // namespace ddim
