#pragma once

#include <ddim/json.h>
#include <ddim/words.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "wishes.h"

namespace ddim::server {

/// What JSON has, for messages.
inline std::string found(const Json& value) {
  std::string text = value.text();
  if (text.size() > 40) text = text.substr(0, 40) + "...";
  return text;
}

/// A field: what it may be, and where it goes.
struct Field {
  std::string name;
  Json schema;  ///< as it is published
  std::function<void(const Json&, Wishes&)> set;
};

/// "must be from 1 to 100; got 0"
template <class Number>
void check_range(const Field& field, const Json& value, Number number) {
  const Json& schema = field.schema;
  const auto bound = [&](const char* key, auto is_wrong) {
    return schema.contains(key) && is_wrong(number, schema.at(key).number<Number>());
  };
  const bool is_open = schema.contains("exclusiveMinimum");
  if (bound("minimum", std::less<>()) || bound("maximum", std::greater<>()) ||
      (is_open && bound("minimum", std::less_equal<>())))
    refuse(field.name,
           fmt::format("must be {} {} and at most {}; got {}", is_open ? "above" : "at least",
                       schema.at("minimum").text(), schema.at("maximum").text(), found(value)));
}

inline Json number_schema(const char* type, const std::string& description, const Json& least,
                          const Json& most, const Json& otherwise) {
  return {{"type", type},
          {"description", description},
          {"minimum", least},
          {"maximum", most},
          {"default", otherwise}};
}

constexpr std::size_t kLongestText = 256;

inline Json text_schema(const std::string& description, std::size_t longest = kLongestText) {
  return {{"type", "string"}, {"description", description}, {"maxLength", longest}};
}

/// As JSON schemas count them.
inline std::size_t num_characters(std::string_view utf8) {
  const auto begins_one = [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  };
  return static_cast<std::size_t>(std::ranges::count_if(utf8, begins_one));
}

inline std::string text_in(const std::string& field, const Json& value,
                           std::size_t longest = kLongestText) {
  if (!value.is_string()) refuse(field, "must be a text; got " + found(value));
  const std::string& text = value.string();
  if (num_characters(text) > longest)
    refuse(field, fmt::format("must have at most {} characters", longest));
  return text;
}

/// The whole number that some write as 1e3 or 10.0.
inline Json as_integer(const Json& value) {
  constexpr double kAllWhole = 9007199254740992.0;  // up to here every one is a double
  if (value.is_integer() || !value.is_number()) return value;
  const auto number = value.number<double>();
  if (std::abs(number) > kAllWhole || number != std::trunc(number)) return value;
  return static_cast<std::int64_t>(number);
}

/// Collects fields, each with what it is.
class FieldList {
 public:
  /// A member that is a std::optional has no one default, here and in number().
  template <class Member>
  void integer(const char* name, Member Wishes::*member, Json least, Json most,
               const std::string& description) {
    const std::optional otherwise = Wishes().*member;  // of a number, or the same of an optional
    using Number = typename decltype(otherwise)::value_type;
    Json schema = number_schema("integer", description, std::move(least), std::move(most),
                                otherwise.value_or(0));
    if (!otherwise) schema.erase("default");
    add(name, std::move(schema), [member](const Field& field, const Json& said, Wishes& wishes) {
      const Json value = as_integer(said);
      if (!value.is_integer()) refuse(field.name, "must be a whole number; got " + found(said));
      // What does not fit into 64 bits has become another kind of number.
      if constexpr (std::is_unsigned_v<Number>) {
        if (!value.is_unsigned()) check_range<std::int64_t>(field, value, -1);
      } else if (value.is_unsigned() &&
                 value.number<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
        check_range<double>(field, value, value.number<double>());
      }
      const auto number = value.number<Number>();
      check_range(field, value, number);
      wishes.*member = number;
    });
  }
  enum class Least { allowed, too_small };
  template <class Number>
  void number(const char* name, Number Wishes::*member, double least, double most,
              const std::string& description, Least itself = Least::allowed) {
    const double otherwise =
        std::optional<double>(Wishes().*member).value_or(std::numeric_limits<double>::infinity());
    Json schema = number_schema("number", description, least, most, otherwise);
    if (itself == Least::too_small) schema["exclusiveMinimum"] = true;
    if (std::isinf(otherwise)) schema.erase("default");
    add(name, schema, [member](const Field& field, const Json& value, Wishes& wishes) {
      if (!value.is_number()) refuse(field.name, "must be a number; got " + found(value));
      check_range(field, value, value.number<double>());
      wishes.*member = value.number<double>() + 0.0;  // -0 is shown as 0
    });
  }
  template <HasNames Value>
  void choice(const char* name, std::string Wishes::*member, const std::string& description) {
    choice(name, member, names_of<Value>(), description);
  }
  void choice(const char* name, std::string Wishes::*member, const std::vector<std::string>& names,
              const std::string& description) {
    add(name,
        {{"type", "string"},
         {"description", description},
         {"enum", names},
         {"default", Wishes().*member}},
        [member, names](const Field& field, const Json& value, Wishes& wishes) {
          const std::string text = text_in(field.name, value);
          if (std::ranges::find(names, text) == names.end())
            refuse(field.name,
                   fmt::format("must be {}; got {}", fmt::join(names, ", "), found(value)));
          wishes.*member = text;
        });
  }
  void text(const char* name, std::string Wishes::*member, const std::string& description) {
    add(name, text_schema(description),
        [member](const Field& field, const Json& value, Wishes& wishes) {
          wishes.*member = text_in(field.name, value);
        });
  }
  /// The name of something that is there.
  void reference(const char* name, std::string Wishes::*member, const std::string& description) {
    Json schema = text_schema(description);
    schema["minLength"] = 1;
    add(name, std::move(schema), [member](const Field& field, const Json& value, Wishes& wishes) {
      wishes.*member = text_in(field.name, value);
      if ((wishes.*member).empty()) refuse(field.name, "must not be empty");
    });
  }
  void truth(const char* name, bool Wishes::*member, const std::string& description) {
    add(name, {{"type", "boolean"}, {"description", description}, {"default", false}},
        [member](const Field& field, const Json& value, Wishes& wishes) {
          if (!value.is_boolean()) refuse(field.name, "must be true or false; got " + found(value));
          wishes.*member = value.boolean();
        });
  }
  struct Items {
    std::size_t least = 1, most = 1;
    std::string type;  ///< "integer", of those that are no texts; or "string" for texts alone
  };
  /// A list of items, or one where one may be, each of which is looked at with the model.
  void items(const char* name, std::vector<WishItem> Wishes::*member, const Items& which,
             const std::string& description) {
    const Json text{{"type", "string"}, {"maxLength", kLongestText}};
    const Json number{{"type", "integer"}, {"minimum", 0}};
    const Json item = which.type == "string" ? text : Json{{"oneOf", Json::list({number, text})}};
    const Json list_schema{
        {"type", "array"}, {"items", item}, {"minItems", which.least}, {"maxItems", which.most}};
    Json schema = list_schema;
    if (which.least == 1) schema = {{"oneOf", Json::list({item, list_schema})}};
    schema["description"] = description;
    add(name, schema, [member, which](const Field& field, const Json& value, Wishes& wishes) {
      const Json list = value.is_list() ? value : Json::list({value});
      if (list.size() < which.least || list.size() > which.most)
        refuse(field.name, fmt::format("must have {} to {} items; got {}", which.least, which.most,
                                       list.size()));
      std::vector<WishItem> items;
      for (const Json& said : list.items()) {
        const Json one = as_integer(said);
        if (one.is_unsigned()) {
          items.emplace_back(one.number<std::uint64_t>());
        } else if (one.is_string()) {
          items.emplace_back(text_in(field.name, one));
        } else {
          refuse(field.name, "must be numbers from 0 on, or texts; got " + found(one));
        }
      }
      wishes.*member = std::move(items);
    });
  }
  void add(const char* name, Json schema,
           std::function<void(const Field&, const Json&, Wishes&)> set) {
    fields_.push_back({.name = name, .schema = std::move(schema), .set = {}});
    const std::size_t index = fields_.size() - 1;
    fields_.back().set = [this, index, set = std::move(set)](const Json& value, Wishes& wishes) {
      set(fields_[index], value, wishes);
    };
  }

  FieldList() = default;
  FieldList(const FieldList&) = delete;
  FieldList& operator=(const FieldList&) = delete;

  const Field* find(const std::string& name) const {
    const auto found = std::ranges::find(fields_, name, &Field::name);
    return found == fields_.end() ? nullptr : &*found;
  }
  Json properties() const {
    Json properties = Json::object();
    for (const Field& field : fields_) properties[field.name] = field.schema;
    return properties;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Field& field : fields_) names.push_back(field.name);
    return names;
  }

 private:
  std::vector<Field> fields_;
};

}  // namespace ddim::server
