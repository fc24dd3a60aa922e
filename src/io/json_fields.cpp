#include "io/json_fields.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxListLength = 1'000'000;

/// Numbers that Python writes and JSON does not have.
struct PythonNumber {
  std::string_view word;
  double value;
};
constexpr PythonNumber kPythonNumbers[] = {
    {"NaN", std::numeric_limits<double>::quiet_NaN()},
    {"-Infinity", -std::numeric_limits<double>::infinity()},
    {"Infinity", std::numeric_limits<double>::infinity()},
};

/// The string that stands for such a number while the text is parsed. Whoever writes it himself,
/// with the escape of a NUL, has written a number.
std::string stand_in(std::string_view word) { return concat("\\u0000", word); }

/// The text with strings in place of such numbers.
std::string with_stand_ins(std::string_view text) {
  std::string result;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const auto* number = std::ranges::find_if(kPythonNumbers, [&](const PythonNumber& candidate) {
      return text.substr(i).starts_with(candidate.word);
    });
    if (!in_string && number != std::end(kPythonNumbers)) {
      result += concat('"', stand_in(number->word), '"');
      i += number->word.size();
      continue;
    }
    const bool escapes = in_string && text[i] == '\\' && i + 1 < text.size();
    if (text[i] == '"') in_string = !in_string;
    result += text.substr(i, escapes ? 2 : 1);
    i += escapes ? 2 : 1;
  }
  return result;
}

/// The numbers back in their places. The text nests no deeper than its check allows.
void restore_numbers(json& value) {
  if (value.is_structured())
    for (json& item : value) restore_numbers(item);
  if (!value.is_string()) return;
  std::string_view text = value.get_ref<const std::string&>();
  if (!text.starts_with('\0')) return;
  text.remove_prefix(1);
  const auto* number = std::ranges::find(kPythonNumbers, text, &PythonNumber::word);
  if (number != std::end(kPythonNumbers)) value = number->value;
}

/// A value for a message: on one line and not too long.
std::string shown(const json& value) {
  if (value.is_number_float() && std::isnan(value.get<double>())) return "NaN";
  if (value.is_number_float() && std::isinf(value.get<double>()))
    return value.get<double>() > 0 ? "Infinity" : "-Infinity";
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  constexpr std::size_t kMaxShown = 60;
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

}  // namespace

JsonFields::JsonFields(std::string_view text, std::string file_name)
    : file_name_(std::move(file_name)) {
  constexpr int kMaxDepth = 32;
  std::vector<std::set<std::string>> open_objects;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) fail_file(concat("it nests deeper than ", kMaxDepth));
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key &&
        !open_objects.back().insert(parsed.get<std::string>()).second) {
      fail_file(concat("the key ", shown(parsed), " occurs twice"));
    }
    return true;
  };
  // The library would take it for the end of the text.
  if (text.find('\0') != std::string_view::npos) fail_file("it is not valid JSON: it holds a NUL");
  try {
    object_ = json::parse(with_stand_ins(text), check);
  } catch (const json::parse_error& error) {
    fail_file(concat("it is not valid JSON at byte ", error.byte));
  } catch (const json::out_of_range&) {
    fail_file("it has a number that is too large");
  }
  if (!object_.is_object()) fail_file("it is not a JSON object");
  restore_numbers(object_);
}

JsonFields::JsonFields(json object, std::string file_name, std::string prefix)
    : file_name_(std::move(file_name)), prefix_(std::move(prefix)), object_(std::move(object)) {}

void JsonFields::fail_file(const std::string& reason) const {
  fail(ErrorCode::corrupt, file_name_, ": ", reason);
}

void JsonFields::fail_field(std::string_view name, const std::string& expected,
                            const json& found) const {
  fail(ErrorCode::corrupt, file_name_, ": field ", prefix_, name, " must be ", expected, ", not ",
       shown(found));
}

void JsonFields::fail_missing(std::string_view name) const {
  fail_file(concat("field ", prefix_, name, " is missing"));
}

JsonFields::Field JsonFields::find(Names names) {
  Field field{*names.begin(), nullptr};
  for (const char* name : names) {
    const auto found = object_.find(name);
    if (found == object_.end()) continue;
    if (field.value != nullptr) {
      fail_file(concat("fields ", prefix_, field.name, " and ", prefix_, name,
                       " mean the same: leave one out"));
    }
    field = {name, &*found};
    taken_.insert(name);
  }
  return field;
}

const json* JsonFields::take(Names names) { return find(names).value; }

JsonFields JsonFields::section(const char* name) {
  const json* value = take({name});
  if (value == nullptr) fail_missing(name);
  if (!value->is_object()) fail_field(name, "an object", *value);
  return {*value, file_name_, concat(prefix_, name, ".")};
}

std::vector<std::string> JsonFields::keys_not_taken() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object_.items()) {
    if (!key.starts_with('_') && !taken_.contains(key)) keys.push_back(key);
  }
  return keys;
}

std::int64_t JsonFields::integer(const Field& field, Range<std::int64_t> range) const {
  const json& value = *field.value;
  const std::string expected = concat("a whole number in ", range.low, "..", range.high);
  if (!value.is_number_integer()) fail_field(field.name, expected, value);
  // Beyond 63 bits nlohmann keeps an unsigned number, whose conversion would wrap.
  const bool fits = !value.is_number_unsigned() ||
                    value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = fits ? value.get<std::int64_t>() : 0;
  if (!fits || number < range.low || number > range.high) fail_field(field.name, expected, value);
  return number;
}

double JsonFields::number(const Field& field, Range<double> range) const {
  const double value = field.value->is_number() ? field.value->get<double>() : 0.0;
  // Written so that NaN is out of range.
  if (!field.value->is_number() || !(value >= range.low && value <= range.high)) {
    fail_field(field.name, concat("a number in ", range.low, "..", range.high), *field.value);
  }
  return value;
}

std::string JsonFields::string(const Field& field) const {
  if (!field.value->is_string()) fail_field(field.name, "a string", *field.value);
  return field.value->get<std::string>();
}

const json& JsonFields::list(const Field& field) const {
  if (!field.value->is_array() || field.value->size() > kMaxListLength) {
    fail_field(field.name, concat("a list of at most ", kMaxListLength, " elements"), *field.value);
  }
  return *field.value;
}

void JsonFields::read(Names names, bool& value) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  const bool is_null = field.value->is_null();
  if (!field.value->is_boolean() && !is_null) fail_field(field.name, "true or false", *field.value);
  value = !is_null && field.value->get<bool>();
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
  for (const json& item : list(field)) value.push_back(string({field.name, &item}));
}

void JsonFields::read(Names names, std::vector<std::int64_t>& value, Range<std::int64_t> range) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  value.clear();
  for (const json& item : list(field)) value.push_back(integer({field.name, &item}, range));
}

void JsonFields::read(Names names, std::optional<std::vector<double>>& value, Range<double> range) {
  const Field field = find(names);
  if (field.value == nullptr) return;
  value.reset();
  if (field.value->is_null()) return;
  value.emplace();
  for (const json& item : list(field)) value->push_back(number({field.name, &item}, range));
}

}  // namespace ddim::engine::io
