#include "command_line.h"

#include <ddim/error.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <type_traits>
#include <utility>

#include "command_data.h"
#include "settings.h"

namespace ddim::cli {
namespace {

using Takes = OptionData::Takes;

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// Sets `value` to what `text` says. Returns what is wrong with the text.
template <class Value>
Problem parse(const std::string& text, Value& value) {
  if constexpr (IsOptional<Value>::value) {
    return parse(text, value.emplace());
  } else if constexpr (std::integral<Value> || std::floating_point<Value>) {
    const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
    const char* const end = text.data() + text.size();
    const auto [next, error] = std::from_chars(begin, end, value);
    if (next == end && error == std::errc()) return {};
    if (next == end && error == std::errc::result_out_of_range) {
      const char* const limit = std::floating_point<Value> ? "too large, or too near to 0"
                                : text.starts_with('-')    ? "too small"
                                                           : "too large";
      return {fmt::format("{} is {}", text, limit), ErrorCode::user};
    }
    if constexpr (std::unsigned_integral<Value>) {
      std::int64_t number = 0;
      const Problem of_signed = parse(text, number);
      if (of_signed.text.empty() || of_signed.code == ErrorCode::user)
        return {fmt::format("must be 0 or greater; got {}", text), ErrorCode::user};
    }
    return {
        fmt::format("\"{}\" is not a {}", text, std::integral<Value> ? "whole number" : "number")};
  } else {
    value = text;
    return {};
  }
}

template <class Value>
std::string text_of(const Value& value) {
  if constexpr (IsOptional<Value>::value) {
    return value ? text_of(*value) : "";
  } else if constexpr (IsVector<Value>::value) {
    std::string text;
    for (const auto& item : value) text += (text.empty() ? "" : ",") + text_of(item);
    return text;
  } else if constexpr (std::same_as<Value, std::filesystem::path>) {
    return value.string();
  } else {
    return fmt::format("{}", value);
  }
}

/// What help writes for a value of this type.
template <class Value>
std::string type_of() {
  if constexpr (IsOptional<Value>::value || IsVector<Value>::value) {
    return type_of<typename Value::value_type>();
  } else if constexpr (std::integral<Value>) {
    return "N";
  } else if constexpr (std::floating_point<Value>) {
    return "X";
  } else {
    return std::same_as<Value, std::filesystem::path> ? "FILE" : "TEXT";
  }
}

template <class Value>
constexpr bool is_number() {
  if constexpr (IsOptional<Value>::value || IsVector<Value>::value) {
    return is_number<typename Value::value_type>();
  } else {
    return std::is_arithmetic_v<Value>;
  }
}

std::vector<std::string> split(const std::string& word, char delimiter) {
  if (delimiter == '\0') return {word};
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = word.find(delimiter); end != std::string::npos;
       end = word.find(delimiter, begin)) {
    parts.push_back(word.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(word.substr(begin));
  return parts;
}

template <class Value>
OptionData option_of(const std::string& name, Value& value, const std::string& description) {
  OptionData data{.name = name, .description = description};
  data.takes = IsVector<Value>::value ? Takes::many : Takes::one;
  data.type_name = type_of<Value>();
  data.is_number = is_number<Value>();
  data.assign = [&value](const std::vector<std::string>& texts) {
    if constexpr (IsVector<Value>::value) {
      value.clear();
      for (const std::string& text : texts) {
        if (Problem problem = parse(text, value.emplace_back()); !problem.text.empty())
          return problem;
      }
      return Problem();
    } else {
      return parse(texts.back(), value);
    }
  };
  data.assign_default = [&value, initial = value] { value = initial; };
  data.current_text = [&value] { return text_of(value); };
  return data;
}

std::string problem_of_range(const OptionData& option, const std::string& text) {
  double number = 0.0;
  if (!option.is_number || !parse(text, number).text.empty()) return "";
  const bool is_low =
      option.least_is_excluded ? !(number > option.least) : !(number >= option.least);
  if (!is_low && number <= option.greatest) return "";
  const bool has_least = std::isfinite(option.least);
  if (!has_least && std::isnan(number)) return fmt::format("must be a number; got {}", text);
  if (!has_least) return fmt::format("must be at most {}; got {}", option.greatest, text);
  if (std::isfinite(option.greatest)) {
    return option.least_is_excluded
               ? fmt::format("must be greater than {} and at most {}; got {}", option.least,
                             option.greatest, text)
               : fmt::format("must be from {} to {}; got {}", option.least, option.greatest, text);
  }
  return option.least_is_excluded
             ? fmt::format("must be greater than {}; got {}", option.least, text)
             : fmt::format("must be {} or greater; got {}", option.least, text);
}

}  // namespace

void OptionData::set(const std::vector<std::string>& words_given, Source from,
                     const std::string& where) {
  source = from;
  stronger = Source::nobody;
  origin = where;
  values.clear();
  if (takes == Takes::nothing) {
    const std::string& word = words_given.back();
    if (word != "true" && word != "false")
      throw Error(ErrorCode::usage,
                  fmt::format("{} is a switch and takes no value; got \"{}\"", cause(), word));
    if (word == "false") return reset();
  }
  for (const std::string& word : words_given) {
    for (std::string& value : split(word, takes == Takes::many ? delimiter : '\0'))
      values.push_back(std::move(value));
  }
  if (takes == Takes::optional && values.back() == "true") values.back() = alone;
  const auto refuse = [this](const Problem& problem) {
    if (problem.text.empty()) return;
    const char* const between = problem.text.starts_with("must ") ? " " : ": ";
    throw Error(problem.code, cause() + between + problem.text);
  };
  for (const std::string& value : values) {
    // "$UNSET" is no way to say nothing.
    if (value.empty()) refuse({"the value is empty"});
    for (const auto& check : checks) refuse(check(value));
  }
  refuse(assign(values));
  for (const std::string& value : values) refuse({problem_of_range(*this, value), ErrorCode::user});
}

void OptionData::reset() {
  assign_default();
  source = Source::nobody;
  origin.clear();
  values.clear();
}

std::string OptionData::cause() const {
  if (source == Source::environment) return fmt::format("{} (which sets {})", origin, name);
  if (source == Source::file) return fmt::format("{}: {}", origin, name.substr(2));
  return name;
}

OptionData* CommandData::find(const std::string& option_name) {
  const auto found = std::ranges::find(options, option_name, &OptionData::name);
  return found == options.end() ? nullptr : &*found;
}

CommandData* CommandData::find_command(const std::string& command_name) {
  const auto found = std::ranges::find(commands, command_name, &CommandData::name);
  return found == commands.end() ? nullptr : &*found;
}

bool CommandData::has_arguments() const {
  return std::ranges::any_of(options, &OptionData::is_argument);
}

std::string CommandData::full_name() const {
  return parent == nullptr ? name : parent->full_name() + " " + name;
}

Option Option::type_name(const std::string& name) const {
  data_->type_name = name;
  return *this;
}
Option Option::envname(const std::string& name) const {
  data_->variable = name;
  return *this;
}
Option Option::required() const {
  data_->required = true;
  return *this;
}
Option Option::show_default() const { return show_default(data_->current_text()); }
Option Option::show_default(const std::string& text) const {
  data_->default_text = text;
  return *this;
}
Option Option::delimiter(char between) const {
  data_->delimiter = between;
  return *this;
}
Option Option::excludes(Option other) const {
  data_->excluded.push_back({other.data_, {}});
  other.data_->excluded.push_back({data_, {}});
  return *this;
}
Option Option::excludes(Option other, std::function<std::string()> problem) const {
  data_->excluded.push_back({other.data_, problem});
  other.data_->excluded.push_back({data_, std::move(problem)});
  return *this;
}
Option Option::depends_on(Option other, std::function<std::string()> problem) const {
  data_->depends_on.push_back({other.data_, std::move(problem)});
  return *this;
}
Option Option::needs(Option other) const {
  data_->needed = other.data_;
  return *this;
}
Option Option::one_of(const std::vector<std::string>& words) const {
  return offers(words).check(
      [words](const std::string& word) { return problem_of_word(word, words); });
}
Option Option::offers(const std::vector<std::string>& words) const {
  data_->words = words;
  return *this;
}
Option Option::check(std::function<std::string(const std::string&)> problem_of) const {
  data_->checks.push_back([problem_of = std::move(problem_of)](const std::string& value) {
    return Problem{problem_of(value), ErrorCode::usage};
  });
  return *this;
}
Option Option::check_range(std::function<std::string(const std::string&)> problem_of) const {
  data_->checks.push_back([problem_of = std::move(problem_of)](const std::string& value) {
    return Problem{problem_of(value), ErrorCode::user};
  });
  return *this;
}
Option Option::non_negative() const {
  data_->least = 0.0;
  return *this;
}
Option Option::positive() const {
  data_->least = 1.0;
  return *this;
}
Option Option::within(double least, double greatest) const {
  data_->least = least;
  data_->greatest = greatest;
  return *this;
}
Option Option::at_most(double greatest) const {
  data_->greatest = greatest;
  return *this;
}
Option Option::above(double least) const {
  data_->least = least;
  data_->least_is_excluded = true;
  return *this;
}

std::string Option::name() const { return data_->name; }
Source Option::source() const { return data_->source; }
bool Option::given_beside(Option other) const { return given() && source() >= other.source(); }
std::string Option::cause() const { return data_->cause(); }

void Option::set(const std::string& value) const { set(std::vector{value}); }
void Option::set(const std::vector<std::string>& values) const {
  data_->set(values, Source::recipe, "");
}
void Option::reset() const { data_->reset(); }

void Option::throw_missing() const {
  const std::string value = data_->takes == Takes::nothing ? "" : " " + data_->type_name;
  const std::string what =
      data_->is_argument() ? fmt::format("{} is missing: {}", data_->type_name, data_->description)
                           : fmt::format("{}{} is missing", data_->name, value);
  throw Error(ErrorCode::usage, data_->variable.empty()
                                    ? what
                                    : fmt::format("{}; give it, or set {}", what, data_->variable));
}

Command Command::add_command(const std::string& name, const std::string& description) const {
  data_->commands.push_back({.name = name, .description = description, .parent = data_});
  return Command(data_->commands.back());
}

template <class Value>
Option Command::add_option(const std::string& name, Value& value,
                           const std::string& description) const {
  data_->options.push_back(option_of(name, value, description));
  return Option(&data_->options.back());
}

using Text = const std::string&;
template Option Command::add_option(Text, int&, Text) const;
template Option Command::add_option(Text, std::int64_t&, Text) const;
template Option Command::add_option(Text, std::uint64_t&, Text) const;
template Option Command::add_option(Text, double&, Text) const;
template Option Command::add_option(Text, std::string&, Text) const;
template Option Command::add_option(Text, std::filesystem::path&, Text) const;
template Option Command::add_option(Text, std::optional<int>&, Text) const;
template Option Command::add_option(Text, std::optional<std::int64_t>&, Text) const;
template Option Command::add_option(Text, std::optional<std::uint64_t>&, Text) const;
template Option Command::add_option(Text, std::optional<double>&, Text) const;
template Option Command::add_option(Text, std::optional<std::string>&, Text) const;
template Option Command::add_option(Text, std::vector<std::int64_t>&, Text) const;
template Option Command::add_option(Text, std::vector<std::uint64_t>&, Text) const;
template Option Command::add_option(Text, std::vector<double>&, Text) const;
template Option Command::add_option(Text, std::vector<std::string>&, Text) const;
template Option Command::add_option(Text, std::vector<std::filesystem::path>&, Text) const;

Option Command::add_flag(const std::string& name, bool& value,
                         const std::string& description) const {
  data_->options.push_back({.name = name, .takes = Takes::nothing, .description = description});
  OptionData& option = data_->options.back();
  option.assign = [&value](const std::vector<std::string>&) {
    value = true;
    return Problem();
  };
  option.assign_default = [&value] { value = false; };
  return Option(&option);
}

Option Command::add_flag(const std::string& name, const std::string& word, std::string& value,
                         const std::string& description) const {
  const Option option = add_option(name, value, description).type_name("NAME");
  data_->options.back().takes = Takes::optional;
  data_->options.back().alone = word;
  return option;
}

void Command::add_help(const std::string& name, std::string (*text)(),
                       const std::string& description) const {
  data_->options.push_back({.name = name, .takes = Takes::nothing, .description = description});
  data_->options.back().text = text;
}

void Command::callback(std::function<void()> run) const { data_->run = std::move(run); }
void Command::settle_conflicts() const { cli::settle_conflicts(*data_); }
void Command::footer(const std::string& text) const { data_->footer = text; }

std::vector<Option> Command::options() const {
  std::vector<Option> options;
  for (OptionData& option : data_->options) options.emplace_back(&option);
  return options;
}

std::vector<Option> Command::options_on_command_line() const {
  std::vector<Option> options = this->options();
  std::erase_if(options, [](Option option) { return option.source() != Source::command_line; });
  return options;
}

std::set<std::string> Command::names_added_by(const std::function<void()>& add) const {
  const std::size_t before = data_->options.size();
  add();
  std::set<std::string> names;
  for (std::size_t i = before; i < data_->options.size(); ++i) names.insert(data_->options[i].name);
  return names;
}

void Command::refuse_ignored(const std::set<std::string>& names, const std::string& why) const {
  for (OptionData& option : data_->options) {
    if (!names.contains(option.name)) continue;
    if (option.source < Source::recipe) option.reset();
    if (option.source != Source::command_line) continue;
    throw Error(ErrorCode::usage,
                fmt::format("{} is not used {}; leave it out",
                            option.is_argument() ? option.values.front() : option.name, why));
  }
}

std::optional<Option> Command::find_option(const std::string& name) const {
  OptionData* option = data_->find(name);
  return option == nullptr ? std::nullopt : std::optional(Option(option));
}

}  // namespace ddim::cli
