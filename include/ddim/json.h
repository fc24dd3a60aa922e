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
  using List = std::vector<Json>;      ///< [...]
  using Object = std::vector<Member>;  ///< {...}

  Json() noexcept;  ///< null
  /// null
  Json(std::nullptr_t) noexcept : Json() {}
  /// true or false; a template, so that nothing else becomes one
  Json(std::same_as<bool> auto value) : Json() { set(value); }
  /// A whole number.
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) Json(Number value) : Json() {
    if (std::cmp_less(value, 0))
      set(static_cast<std::int64_t>(value));
    else
      set(static_cast<std::uint64_t>(value));
  }
  /// A number; one that JSON does not have is null in text().
  Json(double value);
  Json(std::string value);       ///< text, in UTF-8
  Json(std::string_view value);  ///< the same
  Json(const char* value);       ///< the same
  Json(List list);               ///< of any values
  /// An object: {{"name", value}, ...}
  Json(std::initializer_list<Member> members);
  /// A list of values of one kind.
  template <class Item>
  requires(!std::same_as<Item, Json> && std::constructible_from<Json, Item>)
      Json(const std::vector<Item>& items)
      : Json(List(items.begin(), items.end())) {}
  /// null where there is none
  template <class Value>
  requires std::constructible_from<Json, Value> Json(const std::optional<Value>& value)
      : Json(value ? Json(*value) : Json()) {}
  Json(const std::map<std::string, std::string>& texts);  ///< an object, by name

  Json(const Json& other);                 ///< a copy
  Json(Json&& other) noexcept;             ///< leaves null behind
  Json& operator=(const Json& other);      ///< a copy
  Json& operator=(Json&& other) noexcept;  ///< leaves null behind
  ~Json();

  /// A list, which may be empty.
  static Json list(std::initializer_list<Json> items = {}) { return List(items); }
  static Json object();  ///< without members

  /// Error(corrupt) with what is wrong, for what is no JSON, nests too deep, or has a name twice in
  /// an object.
  static Json parse(std::string_view text, const JsonRules& rules = {});
  /// Numbers that JSON does not have become null. Error(user) for bytes that are no UTF-8 where the
  /// style is strict.
  std::string text(const JsonStyle& style = {}) const;

  /// Whether it is of this kind.
  bool is_null() const { return holds<std::nullptr_t>(); }
  /// Whether it is of this kind.
  bool is_boolean() const { return holds<bool>(); }
  /// Whether it is of this kind.
  bool is_number() const { return is_integer() || holds<double>(); }
  bool is_integer() const { return is_unsigned() || holds<std::int64_t>(); }  ///< within 64 bits
  bool is_unsigned() const { return holds<std::uint64_t>(); }                 ///< from 0 on
  /// Whether it is of this kind.
  bool is_string() const { return holds<std::string>(); }
  /// Whether it is of this kind.
  bool is_list() const { return holds<List>(); }
  /// Whether it is of this kind.
  bool is_object() const { return holds<Object>(); }

  // Of a value of that kind; anything else is Error(internal).
  bool boolean() const;  ///< of true or false
  /// Of a number, converted.
  template <class Number>
  Number number() const {
    if (const auto* whole = std::get_if<std::uint64_t>(&value_)) return static_cast<Number>(*whole);
    if (const auto* negative = std::get_if<std::int64_t>(&value_))
      return static_cast<Number>(*negative);
    return static_cast<Number>(real());
  }
  const std::string& string() const;  ///< of text
  const List& items() const;          ///< of a list
  const Object& members() const;      ///< of an object

  std::size_t size() const;  ///< of a list or an object; 0 for anything else
  /// Whether an object has a member of this name.
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  const Json* find(std::string_view name) const;  ///< of an object; nullptr where it has none
  /// Of a list, from 0 on.
  const Json& operator[](std::size_t index) const { return items()[index]; }
  const Json& at(std::string_view name) const;  ///< Error(internal) where it has none

  /// Member `name` of an object, appended where there is none. Null becomes an object.
  Json& operator[](std::string_view name);
  void append(std::string name, Json value);  ///< a member that the object does not have
  void erase(std::string_view name);          ///< of an object, if it has one
  void push_back(Json item);                  ///< to a list; null becomes one

 private:
  template <class Value>
  bool holds() const {
    return std::holds_alternative<Value>(value_);
  }
  double real() const;
  // Not in this header, where Member is not complete yet.
  void set(bool value) noexcept;
  void set(std::int64_t value) noexcept;
  void set(std::uint64_t value) noexcept;

  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, List, Object>
      value_;
};

/// A member of an object.
struct Json::Member {
  std::string name;
  Json value;
};

}  // namespace ddim
