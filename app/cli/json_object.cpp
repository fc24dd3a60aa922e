#include "json_object.h"

#include <fmt/core.h>

#include <cmath>

namespace ddim::cli {
namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", c);
    } else {
      result += c;
    }
  }
  return result + '"';
}

}  // namespace

JsonObject& JsonObject::add(std::string_view key, std::string_view value) {
  return add_text(key, quoted(value));
}

JsonObject& JsonObject::add(std::string_view key, const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ",") + quoted(value);
  return add_text(key, "[" + list + "]");
}

JsonObject& JsonObject::add(std::string_view key, double value) {
  return add_text(key, std::isfinite(value) ? fmt::format("{}", value) : "null");
}

JsonObject& JsonObject::add_text(std::string_view key, std::string_view json) {
  if (!members_.empty()) members_ += ",";
  members_ += quoted(key) + ":" + std::string(json);
  return *this;
}

}  // namespace ddim::cli
