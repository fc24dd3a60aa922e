#pragma once

#include <ddim/json.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ddim::engine::io {

/// Reads the fields of a JSON object one by one. Each read names the field and, after it, the other
/// spellings that are accepted; an absent field leaves the target as it is. Error(corrupt), which
/// names the file, the field, what was expected and what was found, for a wrong type, a number out
/// of range, or two spellings that both have a value (null is none). NaN, Infinity and -Infinity
/// are numbers, as Python writes them.
class JsonFields {
 public:
  /// Error(corrupt) for text that is not one JSON object, that nests deeper than 32, or that has
  /// two equal keys in one object.
  JsonFields(std::string_view text, std::string file_name);

  /// Those of an object that another parser has read.
  static JsonFields of(Json object, std::string file_name) {
    return {std::move(object), std::move(file_name), ""};
  }

  using Names = std::initializer_list<const char*>;
  template <class T>
  struct Range {
    T low, high;
  };

  void read(Names names, bool& value);  ///< null is false, as Python sees it
  void read(Names names, std::string& value);
  void read(Names names, std::optional<std::string>& value);
  void read(Names names, std::int64_t& value, Range<std::int64_t> range);
  void read(Names names, std::optional<std::int64_t>& value, Range<std::int64_t> range);
  void read(Names names, double& value, Range<double> range);
  void read(Names names, std::vector<std::string>& value);
  void read(Names names, std::vector<std::int64_t>& value, Range<std::int64_t> range);
  void read(Names names, std::optional<std::vector<double>>& value, Range<double> range);
  void read(Names names, std::map<std::string, std::string>& value);
  /// The same, but Error(corrupt) for an absent field.
  template <class Value, class... Limits>
  void read_required(Names names, Value& value, Limits... limits) {
    if (take(names) == nullptr) fail_missing(*names.begin());
    read(names, value, limits...);
  }
  /// Field `name` as it stands, nullptr when absent.
  const Json* take(Names names);
  /// The fields of the object `name`, which messages call NAME.FIELD. Error(corrupt) where it is
  /// absent or no object.
  JsonFields section(const char* name);

  const std::string& file_name() const { return file_name_; }
  bool has(const char* name) const { return object_.contains(name); }
  bool has_section(const char* name) const { return has(name) && object_.at(name).is_object(); }
  /// Sorted; without those that begin with `_`.
  std::vector<std::string> keys_not_taken() const;

  [[noreturn]] void fail_field(std::string_view name, const std::string& expected,
                               const Json& found) const;
  [[noreturn]] void fail_missing(std::string_view name) const;
  [[noreturn]] void fail_file(const std::string& reason) const;

 private:
  JsonFields(Json object, std::string file_name, std::string prefix);

  struct Field {
    const char* name;
    const Json* value;  ///< nullptr when absent
  };
  Field find(Names names);
  std::int64_t integer(const Field& field, Range<std::int64_t> range) const;
  double number(const Field& field, Range<double> range) const;
  std::string string(const Field& field) const;
  const Json::List& list(const Field& field) const;

  std::string file_name_;
  std::string prefix_;  ///< "model." in that section
  Json object_;
  std::set<std::string> taken_;
};

}  // namespace ddim::engine::io
