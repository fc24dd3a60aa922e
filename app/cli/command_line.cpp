#include "command_line.h"

#include <ddim/error.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace ddim::cli {
namespace {

template <class Pointers>
std::vector<Option> handles(const Pointers& pointers) {
  std::vector<Option> options;
  for (CLI::Option* pointer : pointers) options.emplace_back(pointer);
  return options;
}

}  // namespace

Option Option::type_name(const std::string& name) const { return Option(option_->type_name(name)); }
Option Option::envname(const std::string& name) const { return Option(option_->envname(name)); }
Option Option::required() const { return Option(option_->required()); }
Option Option::show_default() const { return Option(option_->capture_default_str()); }
Option Option::show_default(const std::string& text) const {
  return Option(option_->default_str(text));
}
Option Option::delimiter(char between) const { return Option(option_->delimiter(between)); }
Option Option::excludes(Option other) const { return Option(option_->excludes(other.option_)); }

// Help would write what a description of the check says, so there is none.
Option Option::non_negative() const {
  return Option(option_->check(CLI::NonNegativeNumber.description("")));
}
Option Option::positive() const {
  return check([](const std::string& text) -> std::string {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole && value >= 1 ? "" : "must be 1 or greater; got " + text;
  });
}
Option Option::one_of(const std::vector<std::string>& words) const {
  return check([words](const std::string& word) -> std::string {
    if (std::ranges::find(words, word) != words.end()) return "";
    std::string all;
    for (const std::string& each : words) all += (all.empty() ? "" : ", ") + each;
    return "unknown value \"" + word + "\"; choose one of " + all;
  });
}
Option Option::check(std::function<std::string(const std::string&)> problem_of) const {
  return Option(option_->check(std::move(problem_of)));
}

std::string Option::name() const { return option_->get_name(); }
bool Option::given() const { return option_->count() > 0; }
std::vector<Option> Option::excluded() const { return handles(option_->get_excludes()); }

void Option::set(const std::string& value) const {
  option_->clear();
  option_->add_result(value);
  try {
    option_->run_callback();
  } catch (const CLI::Error& error) {
    throw Error(ErrorCode::usage, error.what());
  }
}

void Option::reset() const {
  const bool is_switch = option_->get_items_expected_max() == 0;
  const std::string value = is_switch ? "false" : option_->get_default_str();
  if (!value.empty()) set(value);
  option_->clear();
}

void Option::throw_missing() const { throw CLI::RequiredError(name()); }

Command Command::add_command(const std::string& name, const std::string& description) const {
  return Command(*app_->add_subcommand(name, description));
}

Command Command::add_alternatives(const std::string& name, const std::string& description) const {
  CLI::App* group = app_->add_option_group(name, description);
  group->require_option(1);
  return Command(*group);
}

template <class Value>
Option Command::add_option(const std::string& name, Value& value,
                           const std::string& description) const {
  return Option(app_->add_option(name, value, description));
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
template Option Command::add_option(Text, std::vector<std::string>&, Text) const;
template Option Command::add_option(Text, std::vector<std::filesystem::path>&, Text) const;

Option Command::add_flag(const std::string& name, bool& value,
                         const std::string& description) const {
  return Option(app_->add_flag(name, value, description));
}

Option Command::add_flag(const std::string& name, const std::string& word, std::string& value,
                         const std::string& description) const {
  return Option(app_->add_flag(name + "{" + word + "}", value, description));
}

void Command::add_help(const std::string& name, std::string (*text)(),
                       const std::string& description) const {
  const auto print = [text](std::int64_t) {
    std::fputs(text().c_str(), stdout);
    throw CLI::Success();
  };
  app_->add_flag_function(name, print, description)->trigger_on_parse();
}

void Command::callback(std::function<void()> run) const { app_->callback(std::move(run)); }
void Command::footer(const std::string& text) const { app_->footer(text); }
void Command::fallthrough() const { app_->fallthrough(); }
std::string Command::help() const { return app_->help(); }

std::vector<Option> Command::options() const { return handles(app_->get_options()); }
std::vector<Option> Command::options_on_command_line() const {
  return handles(app_->parse_order());
}

std::optional<Option> Command::find_option(const std::string& name) const {
  CLI::Option* option = app_->get_option_no_throw(name);
  return option == nullptr ? std::nullopt : std::optional(Option(option));
}

}  // namespace ddim::cli
