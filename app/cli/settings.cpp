#include "settings.h"

#include <ddim/error.h>
#include <ddim/words.h>
#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "text_file.h"

namespace ddim::cli {
namespace {

using Takes = OptionData::Takes;

class SettingsFile {
 public:
  explicit SettingsFile(const std::filesystem::path& file) : name_(file.string()) {
    const std::string text = read_text_file(file, "--config " + name_);
    try {
      root_ = toml::parse(text, name_);
    } catch (const toml::parse_error& error) {
      refuse(error.source(), std::string(error.description()));
    }
  }

  /// Sets the options of `command`; the other sections are checked only.
  void apply(CommandData& program, CommandData& command) const {
    for (const auto& [key, section] : root_) {
      CommandData* const owner = program.find_command(std::string(key.str()));
      if (!section.is_table() || owner == nullptr)
        refuse_section(program, command, std::string(key.str()), section);
      for (const auto& [name, value] : *section.as_table()) {
        OptionData& option = option_of(*owner, std::string(name.str()), value);
        if (owner == &command && option.source < Source::file)
          option.set(texts_of(option, value), Source::file, place(value.source()));
      }
    }
  }

 private:
  std::string place(const toml::source_region& region) const {
    return fmt::format("{}:{}", name_, region.begin.line);
  }
  [[noreturn]] void refuse(const toml::source_region& region, const std::string& problem) const {
    throw Error(ErrorCode::usage, fmt::format("{}: {}", place(region), problem));
  }

  [[noreturn]] void refuse_section(const CommandData& program, const CommandData& command,
                                   const std::string& key, const toml::node& node) const {
    if (root_.contains("model") && root_.contains("training")) {
      const bool is_bench = command.name == "bench";
      refuse(node.source(),
             fmt::format("this is a training configuration; --config takes settings for flags. {}",
                         is_bench ? fmt::format("To time its network: ddim bench {}", name_)
                                  : fmt::format("To train with it: ddim train {}", name_)));
    }
    if (!node.is_table())
      refuse(node.source(), key + " must be in the section of a command, for example [sample]");
    std::vector<std::string> names;
    for (const CommandData& known : program.commands) names.push_back(known.name);
    refuse(node.source(), fmt::format("[{}] is not a command{}", key, suggestion(key, names)));
  }

  OptionData& option_of(CommandData& owner, const std::string& key, const toml::node& value) const {
    OptionData* const option = owner.find("--" + key);
    if (option != nullptr && option->text == nullptr) return *option;
    std::vector<std::string> names;
    for (const OptionData& known : owner.options)
      if (!known.is_argument()) names.push_back(known.name.substr(2));
    refuse(value.source(), fmt::format("{}.{} is not a flag of {}{}", owner.name, key,
                                       owner.full_name(), suggestion(key, names)));
  }

  std::vector<std::string> texts_of(const OptionData& option, const toml::node& value) const {
    if (!value.is_array()) return {text_of(value)};
    std::vector<std::string> texts;
    for (const toml::node& item : *value.as_array()) texts.push_back(text_of(item));
    if (texts.empty()) refuse(value.source(), option.name.substr(2) + " is an empty list");
    if (option.takes == Takes::many) return texts;
    std::string joined;  // --tau and --betas take a list as one word
    for (const std::string& text : texts) joined += (joined.empty() ? "" : ",") + text;
    return {joined};
  }

  std::string text_of(const toml::node& value) const {
    if (const auto* text = value.as_string()) return text->get();
    if (const auto* number = value.as_integer()) return std::to_string(number->get());
    if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
    if (const auto* flag = value.as_boolean()) return flag->get() ? "true" : "false";
    refuse(value.source(), "expected a text, a number, true or false, or a list of these");
  }

  std::string name_;
  toml::table root_;
};

void give_way(OptionData& option, Source stronger) {
  option.reset();
  option.stronger = stronger;
}

}  // namespace

void take_environment(CommandData& command) {
  for (OptionData& option : command.options) {
    if (option.source >= Source::environment || option.variable.empty()) continue;
    const char* const value = std::getenv(option.variable.c_str());
    if (value != nullptr && *value != '\0')
      option.set({value}, Source::environment, option.variable);
  }
}

void take_file(const std::filesystem::path& file, CommandData& program, CommandData& command) {
  SettingsFile(file).apply(program, command);
}

void settle_conflicts(CommandData& command) {
  for (OptionData& option : command.options) {
    for (const OptionData::Relation& excluded : option.excluded) {
      const OptionData& other = *excluded.other;
      if (option.source == Source::nobody || option.source > other.source) continue;
      const std::string problem = excluded.problem ? excluded.problem() : "";
      if (excluded.problem && problem.empty()) continue;
      if (option.source == other.source)
        throw excluded.problem
            ? Error(ErrorCode::user, problem)
            : Error(ErrorCode::usage,
                    fmt::format("{} and {} cannot be used together; leave one out", option.cause(),
                                other.cause()));
      give_way(option, other.source);
    }
  }
  for (OptionData& option : command.options) {
    for (const OptionData::Relation& decider : option.depends_on) {
      if (option.source == Source::nobody) break;
      const std::string problem = decider.problem();
      if (problem.empty()) continue;
      const Source decided_by = std::max(decider.other->source, decider.other->stronger);
      if (option.source >= decided_by) throw Error(ErrorCode::user, problem);
      give_way(option, decided_by);
    }
  }
  for (OptionData& option : command.options) {
    const bool is_missing = option.needed != nullptr && option.needed->source == Source::nobody;
    if (option.source == Source::nobody || !is_missing) continue;
    if (option.source == Source::command_line)
      throw Error(ErrorCode::user, fmt::format("{} needs {}", option.name, option.needed->name));
    option.reset();
  }
}

}  // namespace ddim::cli
