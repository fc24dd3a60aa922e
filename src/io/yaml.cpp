#include "io/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace ddim::engine::io {
namespace {

constexpr int kMaxDepth = 32;
constexpr int kMaxValues = 100'000;

struct Word {
  std::string_view text;  ///< in small letters
  Json value;
};

template <class Number>
bool is_number(std::string_view text, Number& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// What PyYAML makes of a scalar without quotes.
Json scalar_of(const std::string& text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Word words[] = {{"", nullptr},         {"~", nullptr},
                        {"null", nullptr},     {"true", true},
                        {"yes", true},         {"on", true},
                        {"false", false},      {"no", false},
                        {"off", false},        {".inf", kInfinity},
                        {"-.inf", -kInfinity}, {".nan", std::numeric_limits<double>::quiet_NaN()}};
  const std::string lower = small_letters(text);
  for (const Word& word : words)
    if (lower == word.text) return word.value;
  const bool may_be_number = text.find_first_of("0123456789") != std::string::npos;
  if (std::int64_t whole = 0; may_be_number && is_number(text, whole)) return whole;
  if (double real = 0.0; may_be_number && is_number(text, real)) return real;
  return text;
}

class Converter {
 public:
  explicit Converter(const std::string& file_name) : file_name_(file_name) {}

  Json value_of(const YAML::Node& node, int depth) {
    if (depth > kMaxDepth) refuse(concat("it nests deeper than ", kMaxDepth));
    if (++num_values_ > kMaxValues) refuse(concat("it has more than ", kMaxValues, " values"));
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return node.Tag() == "!" ? Json(node.Scalar()) : scalar_of(node.Scalar());
      case YAML::NodeType::Sequence: {
        Json list = Json::list();
        for (const YAML::Node& item : node) list.push_back(value_of(item, depth + 1));
        return list;
      }
      case YAML::NodeType::Map: {
        std::vector<std::pair<std::string, Json>> members;
        std::map<std::string, std::size_t, std::less<>> places;  // Json::find() would take longer
        for (const auto& pair : node) {
          if (!pair.first.IsScalar()) refuse("a key is not text");
          const auto [place, is_new] = places.emplace(pair.first.Scalar(), members.size());
          if (is_new) members.emplace_back(place->first, nullptr);
          members[place->second].second = value_of(pair.second, depth + 1);
        }
        Json object = Json::object();
        for (auto& [name, value] : members) object.append(std::move(name), std::move(value));
        return object;
      }
      default:
        return nullptr;
    }
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ErrorCode::corrupt, file_name_, ": ", reason);
  }

 private:
  const std::string& file_name_;
  int num_values_ = 0;
};

}  // namespace

bool has_yaml() noexcept { return true; }

JsonFields parse_yaml(std::string_view text, const std::string& file_name) {
  Converter converter(file_name);
  Json object;
  try {
    object = converter.value_of(YAML::Load(std::string(text)), 0);
  } catch (const YAML::Exception& error) {
    converter.refuse(concat("it is not valid YAML at line ", error.mark.line + 1, ": ", error.msg));
  }
  if (!object.is_object()) converter.refuse("it is not a mapping of names to values");
  return JsonFields::of(std::move(object), file_name);
}

}  // namespace ddim::engine::io
