#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::io {

/// The fields of one JSON object, taken one by one. Each read names the field and, after it, other
/// spellings that are accepted; an absent field leaves the target as it is. Error(corrupt) naming
/// file and field for a wrong type, a number out of range, or two spellings at once.
class JsonFields {
 public:
  /// Error(corrupt) for text that is not one JSON object, that nests deeper than 32, or that has
  /// two equal keys in one object.
  JsonFields(std::string_view text, std::string file_name);

  using Names = std::initializer_list<const char*>;
  template <class T>
  struct Range {
    T low, high;
  };

  void read(Names names, bool& value);
  void read(Names names, std::string& value);
  void read(Names names, std::optional<std::string>& value);
  void read(Names names, std::int64_t& value, Range<std::int64_t> range);
  void read(Names names, std::optional<std::int64_t>& value, Range<std::int64_t> range);
  void read(Names names, double& value, Range<double> range);
  void read(Names names, std::vector<std::string>& value);
  void read(Names names, std::vector<std::int64_t>& value, Range<std::int64_t> range);
  void read(Names names, std::optional<std::vector<double>>& value, Range<double> range);
  /// Field `name` as it stands, nullptr when absent.
  const nlohmann::json* take(Names names);

  bool has(const char* name) const { return object_.contains(name); }
  /// Sorted; without those that begin with `_`.
  std::vector<std::string> keys_not_taken() const;

  [[noreturn]] void fail_field(std::string_view name, const std::string& expected,
                               const nlohmann::json& found) const;
  [[noreturn]] void fail_file(const std::string& reason) const;

 private:
  struct Field {
    const char* name;
    const nlohmann::json* value;  ///< nullptr when absent
  };
  Field find(Names names);
  std::int64_t integer(const Field& field, Range<std::int64_t> range) const;
  double number(const Field& field, Range<double> range) const;
  std::string string(const Field& field) const;
  const nlohmann::json& list(const Field& field) const;

  std::string file_name_;
  nlohmann::json object_;
  std::set<std::string> taken_;
};

}  // namespace ddim::io
