#include <ddim/json.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"

// nlohmann's parser, and its text of single values; the tree is Json's, as the destructor of
// nlohmann's lists and objects takes memory, and ends the process where there is none.

namespace ddim {

using namespace engine;

namespace {

using Single = nlohmann::json;

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

/// The text with strings in place of such numbers: a NUL and the word. Whoever writes that himself,
/// with the escape of a NUL, has written a number.
std::string with_stand_ins(std::string_view text) {
  std::string result;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const auto* number = std::ranges::find_if(kPythonNumbers, [&](const PythonNumber& candidate) {
      return text.substr(i).starts_with(candidate.word);
    });
    if (!in_string && number != std::end(kPythonNumbers)) {
      result += concat("\"\\u0000", number->word, '"');
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

std::string text_of(const Single& single, const JsonStyle& style) {
  try {
    return single.dump(
        -1, ' ', style.ascii,
        style.strict ? Single::error_handler_t::strict : Single::error_handler_t::replace);
  } catch (const Single::type_error&) {
    fail(ErrorCode::user, "a text that is to be written as JSON is not valid UTF-8");
  }
}

/// Follows the parser, and puts the values together.
class Builder : public nlohmann::json_sax<Single> {
 public:
  explicit Builder(const JsonRules& rules) : rules_(rules) {}

  Json take() { return std::move(whole_); }

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool binary(binary_t&) override { return false; }
  bool string(string_t& value) override {
    if (rules_.python_numbers && value.starts_with('\0')) {
      const auto* number =
          std::ranges::find(kPythonNumbers, std::string_view(value).substr(1), &PythonNumber::word);
      if (number != std::end(kPythonNumbers)) return add(number->value);
    }
    return add(std::move(value));
  }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::list()); }
  bool key(string_t& value) override {
    if (++num_names_ > rules_.names)
      fail(ErrorCode::corrupt, "it has more than ", rules_.names, " fields");
    open_.back().name = std::move(value);
    return true;
  }
  bool end_object() override {
    check_names(open_.back().value);
    return close();
  }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    if (dynamic_cast<const Single::out_of_range*>(&error) != nullptr)
      fail(ErrorCode::corrupt, "it has a number that is too large");
    fail(ErrorCode::corrupt, "it is not valid JSON at byte ", position);
  }

 private:
  /// A list or an object, and the latest name in it.
  struct Open {
    Json value;
    std::string name = {};
  };

  bool open(Json value) {
    if (std::ssize(open_) == rules_.depth)
      fail(ErrorCode::corrupt, "it nests deeper than ", rules_.depth);
    open_.push_back({std::move(value)});
    return true;
  }
  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }
  bool add(Json value) {
    if (open_.empty())
      whole_ = std::move(value);
    else if (open_.back().value.is_list())
      open_.back().value.push_back(std::move(value));
    else
      open_.back().value.append(std::move(open_.back().name), std::move(value));
    return true;
  }
  static void check_names(const Json& object) {
    std::vector<std::string_view> names;
    for (const Json::Member& member : object.members()) names.push_back(member.name);
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
      fail(ErrorCode::corrupt, "the key ", text_of(std::string(*twice), {.ascii = true}),
           " occurs twice");
  }

  const JsonRules rules_;
  std::size_t num_names_ = 0;
  std::vector<Open> open_;
  Json whole_;
};

void write_break(const JsonStyle& style, int level, std::string& out) {
  if (style.indent == 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(style.indent * level), ' ');
}

/// The items within brackets, of which `write_item` writes one.
template <class Items, class WriteItem>
void write_items(const Items& items, const char* brackets, const JsonStyle& style, int level,
                 std::string& out, WriteItem write_item) {
  out += brackets[0];
  bool is_first = true;
  for (const auto& item : items) {
    if (!is_first) out += ',';
    is_first = false;
    write_break(style, level + 1, out);
    write_item(item);
  }
  if (!is_first) write_break(style, level, out);
  out += brackets[1];
}

void write(const Json& value, const JsonStyle& style, int level, std::string& out) {
  if (value.is_list())
    return write_items(value.items(), "[]", style, level, out,
                       [&](const Json& item) { write(item, style, level + 1, out); });
  if (value.is_object())
    return write_items(value.members(), "{}", style, level, out, [&](const Json::Member& member) {
      out += text_of(member.name, style);
      out += style.indent == 0 ? ":" : ": ";
      write(member.value, style, level + 1, out);
    });
  if (value.is_string())
    out += text_of(value.string(), style);
  else if (value.is_boolean())
    out += value.boolean() ? "true" : "false";
  else if (value.is_unsigned())
    out += std::to_string(value.number<std::uint64_t>());
  else if (value.is_integer())
    out += std::to_string(value.number<std::int64_t>());
  else if (value.is_number())
    out += text_of(value.number<double>(), style);
  else
    out += "null";
}

}  // namespace

Json::Json() noexcept = default;
Json::Json(double value) : value_(value) {}
Json::Json(std::string value) : value_(std::move(value)) {}
Json::Json(std::string_view value) : value_(std::string(value)) {}
Json::Json(const char* value) : value_(std::string(value)) {}
void Json::set(bool value) noexcept { value_ = value; }
void Json::set(std::int64_t value) noexcept { value_ = value; }
void Json::set(std::uint64_t value) noexcept { value_ = value; }
Json::Json(List list) : value_(std::move(list)) {}
Json::Json(std::initializer_list<Member> members) : value_(Object(members)) {}
Json::Json(const std::map<std::string, std::string>& texts) : value_(Object()) {
  for (const auto& [name, text] : texts) append(name, text);
}

// By its alternative: where there is no memory for the copy, libstdc++'s own copy of a variant of
// strings and lists destroys what it has not made.
Json::Json(const Json& other)
    : value_(std::visit(
          []<class Value>(const Value& value) {
            return decltype(value_)(std::in_place_type<Value>, value);
          },
          other.value_)) {}
Json& Json::operator=(const Json& other) { return *this = Json(other); }

Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json Json::object() { return Json(std::initializer_list<Member>()); }

Json Json::parse(std::string_view text, const JsonRules& rules) {
  // The library would take it for the end of the text.
  if (text.find('\0') != std::string_view::npos)
    fail(ErrorCode::corrupt, "it is not valid JSON: it holds a NUL");
  Builder builder(rules);
  if (rules.python_numbers)
    Single::sax_parse(with_stand_ins(text), &builder);
  else
    Single::sax_parse(text, &builder);
  return builder.take();
}

std::string Json::text(const JsonStyle& style) const {
  std::string out;
  write(*this, style, 0, out);
  return out;
}

bool Json::boolean() const {
  const bool* value = std::get_if<bool>(&value_);
  ensure(value != nullptr, "a JSON value is not true or false");
  return *value;
}

double Json::real() const {
  const double* value = std::get_if<double>(&value_);
  ensure(value != nullptr, "a JSON value is no number");
  return *value;
}

const std::string& Json::string() const {
  const auto* value = std::get_if<std::string>(&value_);
  ensure(value != nullptr, "a JSON value is no text");
  return *value;
}

const Json::List& Json::items() const {
  const auto* value = std::get_if<List>(&value_);
  ensure(value != nullptr, "a JSON value is no list");
  return *value;
}

const Json::Object& Json::members() const {
  const auto* value = std::get_if<Object>(&value_);
  ensure(value != nullptr, "a JSON value is no object");
  return *value;
}

std::size_t Json::size() const {
  return is_list() ? items().size() : is_object() ? members().size() : 0;
}

const Json* Json::find(std::string_view name) const {
  const auto found = std::ranges::find(members(), name, &Member::name);
  return found == members().end() ? nullptr : &found->value;
}

const Json& Json::at(std::string_view name) const {
  const Json* value = find(name);
  ensure(value != nullptr, "a JSON object has no ", name);
  return *value;
}

Json& Json::operator[](std::string_view name) {
  if (is_null()) value_ = Object();
  if (const Json* value = find(name); value != nullptr) return const_cast<Json&>(*value);
  append(std::string(name), {});
  return std::get<Object>(value_).back().value;
}

void Json::append(std::string name, Json value) {
  ensure(is_object(), "a JSON value is no object");
  std::get<Object>(value_).push_back({std::move(name), std::move(value)});
}

void Json::erase(std::string_view name) {
  ensure(is_object(), "a JSON value is no object");
  std::erase_if(std::get<Object>(value_),
                [&](const Member& member) { return member.name == name; });
}

void Json::push_back(Json item) {
  if (is_null()) value_ = List();
  ensure(is_list(), "a JSON value is no list");
  std::get<List>(value_).push_back(std::move(item));
}

}  // namespace ddim
