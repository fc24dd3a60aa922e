#include "json_object.h"

#include <ddim/json.h>
#include <fmt/core.h>

#include <cmath>

namespace ddim::cli {

JsonObject& JsonObject::add(std::string_view key, std::string_view value) {
  return add_text(key, Json(value).text());
}

JsonObject& JsonObject::add(std::string_view key, const std::vector<std::string>& values) {
  return add_text(key, Json(values).text());
}

JsonObject& JsonObject::add(std::string_view key, double value) {
  return add_text(key, std::isfinite(value) ? fmt::format("{}", value) : "null");
}

JsonObject& JsonObject::add_text(std::string_view key, std::string_view json) {
  if (!members_.empty()) members_ += ",";
  members_ += Json(key).text() + ":" + std::string(json);
  return *this;
}

}  // namespace ddim::cli
