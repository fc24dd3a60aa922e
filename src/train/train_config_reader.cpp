#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "train/train_config.h"
#include "train/train_config_keys.h"

namespace ddim::engine::train {
namespace {

std::string range_text(std::int64_t min, std::int64_t max) {
  return concat("must be from ", min, " to ", max);
}
std::string range_text(double min, double max) {
  const std::string most = max == kBelowOne ? "below 1" : "at most " + number_text(max);
  if (min == kAboveZero) return "must be above 0 and " + most;
  if (max == kBelowOne) return concat("must be ", number_text(min), " or greater and below 1");
  return concat("must be from ", number_text(min), " to ", number_text(max));
}

/// A value as it would be written: not 0.00050000000000000001, and 5.0 with its point.
std::string text_of(const toml::node& node) {
  if (node.is_floating_point()) return toml_number(**node.as_floating_point());
  TextStream text;
  text << toml::node_view<const toml::node>(node);
  return text.str();
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

/// Whether it is a word or a path, which TOML wants in quotes.
bool is_text_without_quotes(const std::string& value) {
  if (value.empty() || value == "true" || value == "false") return false;
  return std::isalpha(static_cast<unsigned char>(value[0])) != 0 ||
         std::string_view("/._~").find(value[0]) != std::string_view::npos;
}

/// Whether messages name lines: those of a file do.
enum class Lines { shown, hidden };

/// Takes values from a parsed file, and finds what it does not know.
class Reader {
 public:
  Reader(const toml::table& root, std::string_view file, Lines lines)
      : root_(root), file_(file), lines_(lines) {}

  void section(std::string_view name) {
    section_ = name;
    known_sections_.emplace(name);
    const toml::node* node = root_.get(name);
    if (node != nullptr && !node->is_table()) reject(*node, name, "must be a section");
    table_ = node == nullptr ? nullptr : node->as_table();
  }
  void integer(std::string_view key, std::int64_t& value, std::int64_t min, std::int64_t max,
               std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_integer()) reject(*node, full(key), "must be a whole number");
    value = in_range(*node, key, **node->as_integer(), min, max);
  }
  void number(std::string_view key, double& value, double min, double max, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_number()) reject(*node, full(key), "must be a number");
    value = in_range(*node, key, double_of(*node), min, max);
  }
  void flag(std::string_view key, bool& value, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) reject(*node, full(key), "must be true or false");
    value = **node->as_boolean();
  }
  void colour(std::string_view key, Colour& value, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) reject(*node, full(key), "must be a colour, such as \"white\"");
    try {
      value = parse_colour(**node->as_string());
    } catch (const Error&) {
      reject(*node, full(key), "must be \"white\", \"black\", \"grey\" or \"#rrggbb\"");
    }
  }
  /// One number for both sides, or [height, width].
  void size(std::string_view key, std::int64_t& height, std::optional<std::int64_t>& width,
            std::int64_t min, std::int64_t max, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array()) {
      if (!node->is_integer())
        reject(*node, full(key), "must be a whole number or [height, width]");
      height = in_range(*node, key, **node->as_integer(), min, max);
      width.reset();
      return;
    }
    const toml::array& sides = *node->as_array();
    if (sides.size() != 2 || !sides[0].is_integer() || !sides[1].is_integer())
      reject(*node, full(key), "must be a whole number or [height, width]");
    height = in_range(sides[0], key, **sides[0].as_integer(), min, max);
    const std::int64_t second = in_range(sides[1], key, **sides[1].as_integer(), min, max);
    width = second == height ? std::nullopt : std::optional(second);
  }
  template <HasNames Enum>
  void choice(std::string_view key, Enum& value, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto named = node->is_string() ? value_named<Enum>(**node->as_string()) : std::nullopt;
    if (named) {
      value = *named;
      return;
    }
    std::string wanted;
    for (const Named<Enum>& entry : Names<Enum>::all())
      wanted += concat(wanted.empty() ? "" : " or ", '"', entry.name, '"');
    reject(*node, full(key), "must be " + wanted);
  }
  void text(std::string_view key, std::string& value, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) reject(*node, full(key), "must be a text in quotes");
    value = **node->as_string();
    if (has_control_character(value))  // not shown
      fail_at(*node, full(key) + " must be one line of text, without control characters");
  }
  /// A number from 0 to `max`, or a text that says where: one takes the place of the other.
  void share_or_text(std::string_view key, double& share, std::string& value, double max,
                     std::string_view explanation) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (node->is_number()) {
      value.clear();
      return number(key, share, 0.0, max, explanation);
    }
    if (!node->is_string()) reject(*node, full(key), "must be a number or a text in quotes");
    share = 0.0;
    text(key, value, explanation);
  }
  void integers(std::string_view key, std::vector<std::int64_t>& values, std::int64_t min,
                std::int64_t max, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array()) reject(*node, full(key), "must be a list of whole numbers");
    values.clear();
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_integer()) reject(element, full(key), "must hold whole numbers only");
      values.push_back(in_range(element, key, **element.as_integer(), min, max));
    }
  }
  void numbers(std::string_view key, std::vector<double>& values, double min, double max,
               std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array()) reject(*node, full(key), "must be a list of numbers");
    values.clear();
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_number()) reject(element, full(key), "must hold numbers only");
      values.push_back(in_range(element, key, double_of(element), min, max));
    }
  }

  void refuse_unknown() const {
    for (const auto& [name, node] : root_) {
      if (!known_sections_.contains(name.str()))
        fail_at(node, concat("unknown section [", name.str(), "]; sections are",
                             listed(known_sections_, "")));
      for (const auto& [key, value] : *node.as_table()) {
        const std::string full_name = concat(name.str(), ".", key.str());
        if (!known_keys_.contains(full_name))
          fail_at(value, concat("unknown key ", full_name, "; keys of [", name.str(), "] are",
                                listed(known_keys_, concat(name.str(), "."))));
      }
    }
  }

 private:
  /// Of a number; node.value<double>() has none for whole numbers that a double cannot hold.
  static double double_of(const toml::node& node) {
    return node.is_integer() ? static_cast<double>(**node.as_integer())
                             : **node.as_floating_point();
  }
  const toml::node* find(std::string_view key) {
    known_keys_.insert(full(key));
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  std::string full(std::string_view key) const { return concat(section_, ".", key); }
  [[noreturn]] void fail_at(const toml::node& node, const std::string& message) const {
    if (lines_ == Lines::hidden) fail(ErrorCode::user, file_, ": ", message);
    fail(ErrorCode::user, file_, ":", node.source().begin.line, ": ", message);
  }
  [[noreturn]] void reject(const toml::node& node, std::string_view key,
                           const std::string& what) const {
    const std::string found = node.is_table() ? "" : "; found " + text_of(node);
    fail_at(node, concat(key, " ", what, found));
  }
  template <class Number>
  Number in_range(const toml::node& node, std::string_view key, Number value, Number min,
                  Number max) const {
    if (!(value >= min && value <= max)) reject(node, full(key), range_text(min, max));
    return value;
  }
  template <class Set>
  static std::string listed(const Set& names, std::string_view prefix) {
    std::string text;
    for (const auto& name : names) {
      if (std::string_view(name).starts_with(prefix))
        text += concat(text.empty() ? " " : ", ", std::string_view(name).substr(prefix.size()));
    }
    return text;
  }

  const toml::table& root_;
  std::string file_;
  Lines lines_;
  std::string section_;
  const toml::table* table_ = nullptr;
  std::set<std::string, std::less<>> known_sections_;
  std::set<std::string, std::less<>> known_keys_;
};

}  // namespace

TrainConfig parse_train_config(std::string_view toml, std::string_view file_name) {
  TrainConfig config;
  try {
    const toml::table root = toml::parse(toml, file_name);
    Reader reader(root, file_name, Lines::shown);
    describe(config, reader);
    reader.refuse_unknown();
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::user, file_name, ":", error.source().begin.line, ": ", error.description());
  }
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), file_name, ": ", error.what());
  }
  return config;
}

namespace {

void refuse_repeated(const std::vector<std::string>& overrides) {
  std::map<std::string, std::string> named;
  for (const std::string& text : overrides) {
    const auto [first, is_new] = named.emplace(key_of_override(text), text);
    require(is_new, "--override ", first->second, " and --override ", text, ": ", first->first,
            " can have one value only; leave one out");
  }
}

}  // namespace

std::string key_of_override(const std::string& text) {
  return trimmed(text.substr(0, text.find('=')));
}

TrainConfig with_overrides(TrainConfig config, const std::vector<std::string>& overrides) {
  refuse_repeated(overrides);
  for (const std::string& text : overrides) {
    require(!has_control_character(text), "--override: must be one line of text each");
    const std::string flag = "--override " + text;
    const std::size_t point = text.find('.'), equals = text.find('=');
    require(point != std::string::npos && equals != std::string::npos && point < equals, flag,
            ": expected KEY=VALUE, such as training.learning_rate=1e-4");
    const std::string key = key_of_override(text);
    const std::string value = trimmed(text.substr(equals + 1));
    toml::table root;
    try {
      root = toml::parse(
          concat(key, " = ", is_text_without_quotes(value) ? toml_text(value) : value, "\n"), flag);
    } catch (const toml::parse_error& error) {
      fail(ErrorCode::user, flag, ": ", error.description());
    }
    const double share_before = config.data.validation.share;
    Reader reader(root, flag, Lines::hidden);
    describe(config, reader);
    reader.refuse_unknown();
    if (key == "data.validation") {
      require(config.data.validation.share == share_before, flag,
              ": a run cannot go on with another share of its training pictures held out, as that "
              "changes what it is trained on; start a new run. Without a share, it may be another "
              "folder, file or split");
      continue;
    }
    require(may_change_in_a_run(key), flag, ": a run cannot go on with another ", key,
            "; start a new run (--init takes the weights over). Keys that may change are those "
            "of [output] and in [training] steps, the learning rate's (learning_rate, "
            "learning_rate_final, warmup_steps, decay, decay_steps), clip_norm, skip_spikes, "
            "weight_decay, ema_decay, ema_warmup, reduce and threads, data.skip_corrupt, and "
            "data.validation where it is no share");
  }
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), overrides.empty() ? "" : "--override: ", error.what());
  }
  return config;
}

}  // namespace ddim::engine::train
