#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ddim/export.h"

namespace ddim {

/// What Json::parse() accepts beyond or below RFC 8259.
struct JsonRules {
  int depth = 32;                  ///< lists and objects within each other
  std::size_t names = 10'000'000;  ///< members of all objects together
  bool python_numbers = false;     ///< NaN, Infinity and -Infinity, as Python writes them
};

/// How Json::text() writes.
struct JsonStyle {
  int indent = 0;       ///< spaces for each level; 0: all on one line
  bool ascii = false;   ///< escape everything beyond ASCII
  bool strict = false;  ///< refuse bytes that are not UTF-8 instead of replacing them
};

/// A value of JSON, to read or to write. The members of an object keep their order. Destroying one
/// takes no memory, so that a process that runs out of memory can say so.
class DDIM_API Json {
 public:
  struct Member;
  using List = std::vector<Json>;
  using Object = std::vector<Member>;

  Json() noexcept;  ///< null
  Json(std::nullptr_t) noexcept : Json() {}
  Json(std::same_as<bool> auto value) : value_(value) {}
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) Json(Number value) {
    if (std::cmp_less(value, 0))
      value_ = static_cast<std::int64_t>(value);
    else
      value_ = static_cast<std::uint64_t>(value);
  }
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(List list);
  /// An object: {{"name", value}, ...}
  Json(std::initializer_list<Member> members);
  template <class Item>
  requires(!std::same_as<Item, Json> && std::constructible_from<Json, Item>)
      Json(const std::vector<Item>& items)
      : Json(List(items.begin(), items.end())) {}
  template <class Value>
  requires std::constructible_from<Json, Value> Json(const std::optional<Value>& value)
      : Json(value ? Json(*value) : Json()) {}
  Json(const std::map<std::string, std::string>& texts);

  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  static Json list(std::initializer_list<Json> items = {}) { return List(items); }
  static Json object();

  /// Error(corrupt) with what is wrong, for what is no JSON, nests too deep, or has a name twice in
  /// an object.
  static Json parse(std::string_view text, const JsonRules& rules = {});
  /// Numbers that JSON does not have become null. Error(user) for bytes that are no UTF-8 where the
  /// style is strict.
  std::string text(const JsonStyle& style = {}) const;

  bool is_null() const { return holds<std::nullptr_t>(); }
  bool is_boolean() const { return holds<bool>(); }
  bool is_number() const { return is_integer() || holds<double>(); }
  bool is_integer() const { return is_unsigned() || holds<std::int64_t>(); }  ///< within 64 bits
  bool is_unsigned() const { return holds<std::uint64_t>(); }                 ///< from 0 on
  bool is_string() const { return holds<std::string>(); }
  bool is_list() const { return holds<List>(); }
  bool is_object() const { return holds<Object>(); }

  // Of a value of that kind; anything else is Error(internal).
  bool boolean() const;
  template <class Number>
  Number number() const {
    if (const auto* whole = std::get_if<std::uint64_t>(&value_)) return static_cast<Number>(*whole);
    if (const auto* negative = std::get_if<std::int64_t>(&value_))
      return static_cast<Number>(*negative);
    return static_cast<Number>(real());
  }
  const std::string& string() const;
  const List& items() const;
  const Object& members() const;

  std::size_t size() const;  ///< of a list or an object; 0 for anything else
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  const Json* find(std::string_view name) const;  ///< of an object; nullptr where it has none
  const Json& operator[](std::size_t index) const { return items()[index]; }
  const Json& at(std::string_view name) const;  ///< Error(internal) where it has none

  /// Member `name` of an object, appended where there is none. Null becomes an object.
  Json& operator[](std::string_view name);
  void append(std::string name, Json value);  ///< a member that the object does not have
  void erase(std::string_view name);
  void push_back(Json item);  ///< to a list; null becomes one

 private:
  template <class Value>
  bool holds() const {
    return std::holds_alternative<Value>(value_);
  }
  double real() const;

  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, List, Object>
      value_;
};

struct Json::Member {
  std::string name;
  Json value;
};

}  // namespace ddim
