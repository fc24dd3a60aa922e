#include "io/json_fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

constexpr std::size_t kMaxListLength = 1'000'000;

/// A value for a message: on one line and not too long.
std::string shown(const Json& value) {
  const double number = value.is_number() ? value.number<double>() : 0.0;
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  std::string text = value.text({.ascii = true});
  constexpr std::size_t kMaxShown = 60;
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

}  // namespace

JsonFields::JsonFields(std::string_view text, std::string file_name)
    : file_name_(std::move(file_name)) {
  try {
    object_ = Json::parse(text, {.python_numbers = true});
  } catch (const Error& error) {
    fail_file(error.what());
  }
  if (!object_.is_object()) fail_file("it is not a JSON object");
}

JsonFields::JsonFields(Json object, std::string file_name, std::string prefix)
    : file_name_(std::move(file_name)), prefix_(std::move(prefix)), object_(std::move(object)) {}

void JsonFields::fail_file(const std::string& reason) const {
  fail(ErrorCode::corrupt, file_name_, ": ", reason);
}

void JsonFields::fail_field(std::string_view name, const std::string& expected,
                            const Json& found) const {
  fail(ErrorCode::corrupt, file_name_, ": field ", prefix_, name, " must be ", expected, ", not ",
       shown(found));
}

void JsonFields::fail_missing(std::string_view name) const {
  fail_file(concat("field ", prefix_, name, " is missing"));
}

JsonFields::Field JsonFields::find(Names names) {
  Field field{*names.begin(), nullptr};
  for (const char* name : names) {
    const Json* found = object_.find(name);
    if (found == nullptr) continue;
    taken_.insert(name);
    if (found->is_null() && field.value != nullptr) continue;
    if (field.value != nullptr && !field.value->is_null()) {
      fail_file(concat("fields ", prefix_, field.name, " and ", prefix_, name,
                       " mean the same: leave one out"));
    }
    field = {name, found};
  }
  return field;
}

const Json* JsonFields::take(Names names) { return find(names).value; }

JsonFields JsonFields::section(const char* name) {
  const Json* value = take({name});
  if (value == nullptr) fail_missing(name);
  if (!value->is_object()) fail_field(name, "an object", *value);
  return {*value, file_name_, concat(prefix_, name, ".")};
}

std::vector<std::string> JsonFields::keys_not_taken() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object_.members()) {
    if (!key.starts_with('_') && !taken_.contains(key)) keys.push_back(key);
  }
  std::ranges::sort(keys);
  return keys;
}

std::int64_t JsonFields::integer(const Field& field, Range<std::int64_t> range) const {
  const Json& value = *field.value;
  const std::string expected = concat("a whole number in ", range.low, "..", range.high);
  if (!value.is_integer()) fail_field(field.name, expected, value);
  const bool fits = !value.is_unsigned() ||
                    value.number<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
  const auto number = fits ? value.number<std::int64_t>() : 0;
  if (!fits || number < range.low || number > range.high) fail_field(field.name, expected, value);
  return number;
}

double JsonFields::number(const Field& field, Range<double> range) const {
  const double value = field.value->is_number() ? field.value->number<double>() : 0.0;
  // Written so that NaN is out of range.
  if (!field.value->is_number() || !(value >= range.low && value <= range.high)) {
    fail_field(field.name, concat("a number in ", range.low, "..", range.high), *field.value);
  }
  return value;
}

std::string JsonFields::string(const Field& field) const {
  if (!field.value->is_string()) fail_field(field.name, "a string", *field.value);
  return field.value->string();
}

const Json::List& JsonFields::list(const Field& field) const {
  if (!field.value->is_list() || field.value->size() > kMaxListLength) {
    fail_field(field.name, concat("a list of at most ", kMaxListLength, " elements"), *field.value);
  }
  return field.value->items();
}

void JsonFields::read(Names names, bool& value) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  const bool is_null = field.value->is_null();
  if (!field.value->is_boolean() && !is_null) fail_field(field.name, "true or false", *field.value);
  value = !is_null && field.value->boolean();
}

void JsonFields::read(Names names, std::string& value) {
  if (const Field field = find(names); field.value != nullptr) value = string(field);
}

void JsonFields::read(Names names, std::optional<std::string>& value) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  if (field.value->is_null()) {
    value.reset();
  } else {
    value = string(field);
  }
}

void JsonFields::read(Names names, std::int64_t& value, Range<std::int64_t> range) {
  if (const Field field = find(names); field.value != nullptr) value = integer(field, range);
}

void JsonFields::read(Names names, std::optional<std::int64_t>& value, Range<std::int64_t> range) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  if (field.value->is_null()) {
    value.reset();
  } else {
    value = integer(field, range);
  }
}

void JsonFields::read(Names names, double& value, Range<double> range) {
  if (const Field field = find(names); field.value != nullptr) value = number(field, range);
}

void JsonFields::read(Names names, std::vector<std::string>& value) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  value.clear();
  for (const Json& item : list(field)) value.push_back(string({field.name, &item}));
}

void JsonFields::read(Names names, std::vector<std::int64_t>& value, Range<std::int64_t> range) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  value.clear();
  for (const Json& item : list(field)) value.push_back(integer({field.name, &item}, range));
}

void JsonFields::read(Names names, std::optional<std::vector<double>>& value, Range<double> range) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  value.reset();
  if (field.value->is_null()) return;
  value.emplace();
  for (const Json& item : list(field)) value->push_back(number({field.name, &item}, range));
}

void JsonFields::read(Names names, std::map<std::string, std::string>& value) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  if (!field.value->is_object()) fail_field(field.name, "an object", *field.value);
  value.clear();
  for (const auto& [name, text] : field.value->members())
    value.emplace(name, string({field.name, &text}));
}

}  // namespace ddim::engine::io
