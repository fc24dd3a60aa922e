#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::cli {

/// Builds one line of JSON: an object whose members stand in the order they were added.
class JsonObject {
 public:
  JsonObject& add(std::string_view key, std::string_view value);
  JsonObject& add(std::string_view key, const char* value) {
    return add(key, std::string_view(value));
  }
  JsonObject& add(std::string_view key, const std::vector<std::string>& values);
  JsonObject& add(std::string_view key, double value);  ///< null for NaN and infinity
  JsonObject& add(std::string_view key, std::integral auto value) {
    return add_text(key, std::to_string(value));
  }
  /// A value that is JSON already.
  JsonObject& add_text(std::string_view key, std::string_view json);

  std::string text() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace ddim::cli
