#include "program.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace ddim::cli {
namespace {

// CLI11 asks the file before the environment. This reader leaves out what the environment says.
class FileBelowEnvironment : public CLI::ConfigTOML {
 public:
  explicit FileBelowEnvironment(const CLI::App& app) : app_(app) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> values = CLI::ConfigTOML::from_config(input);
    std::erase_if(values, [this](const CLI::ConfigItem& item) { return is_in_environment(item); });
    return values;
  }

 private:
  bool is_in_environment(const CLI::ConfigItem& item) const {
    const CLI::App* app = &app_;
    for (const std::string& parent : item.parents) {
      const auto children =
          app->get_subcommands([&](const CLI::App* child) { return child->check_name(parent); });
      if (children.empty()) return false;
      app = children.front();
    }
    const CLI::Option* option = app->get_option_no_throw("--" + item.name);
    return option != nullptr && !option->get_envname().empty() &&
           std::getenv(option->get_envname().c_str()) != nullptr;
  }

  const CLI::App& app_;
};

/// Edits that turn one word into the other: letters put in, left out or replaced.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
    }
  }
  return row.back();
}

/// "; did you mean --steps?", or nothing when no word is near.
std::string suggestion(const std::string& word, const std::vector<std::string>& words) {
  constexpr std::size_t kNear = 2;
  const auto nearest = std::ranges::min_element(
      words, {}, [&](const std::string& candidate) { return distance(word, candidate); });
  if (nearest == words.end() || distance(word, *nearest) > kNear) return "";
  return fmt::format("; did you mean {}?", *nearest);
}

/// The command on the command line, or the program where there is none.
const CLI::App& command_of(const CLI::App& app) {
  const std::vector<CLI::App*> commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

/// A word that nothing on the command line takes.
std::string unknown_word(const CLI::App& app, const std::string& word) {
  const CLI::App& command = command_of(app);
  std::vector<std::string> words;
  if (word.starts_with('-')) {
    for (const CLI::App* owner : {&command, &app})
      for (const CLI::Option* option : owner->get_options()) words.push_back(option->get_name());
    const std::string name = word.substr(0, word.find('='));
    return fmt::format("unknown option {}{}", name, suggestion(name, words));
  }
  if (&command != &app) return fmt::format("unexpected argument \"{}\"", word);
  for (const CLI::App* known : app.get_subcommands({})) words.push_back(known->get_name());
  return fmt::format("unknown command \"{}\"{}", word, suggestion(word, words));
}

/// What CLI11 says, in our words.
std::string problem_of(const CLI::ParseError& error, const CLI::App& app) {
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (!unknown.empty()) return unknown_word(app, unknown.front());
  const std::string message = error.what();
  // "Could not convert: --steps = abc"
  constexpr std::string_view kConversion = "Could not convert: ";
  const std::size_t equals = message.find(" = ");
  if (message.starts_with(kConversion) && equals != std::string::npos) {
    const std::string name = message.substr(kConversion.size(), equals - kConversion.size());
    return fmt::format("{}: \"{}\" is not a valid number for this flag", name,
                       message.substr(equals + 3));
  }
  // "--out: 1 required PATH missing"
  const std::size_t missing = message.find(": 1 required ");
  if (missing != std::string::npos && message.ends_with(" missing")) {
    const std::size_t begin = missing + std::string_view(": 1 required ").size();
    return fmt::format("{} needs a value: {}", message.substr(0, missing),
                       message.substr(begin, message.size() - begin - 8));
  }
  return message;
}

/// The library names a field where the program has a flag: "steps must be ..." becomes "--steps
/// must be ...".
std::string naming_the_flag(const std::string& message, const CLI::App& command) {
  const std::size_t end = message.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-");
  if (end == 0 || end == std::string::npos || (message[end] != ' ' && message[end] != ':'))
    return message;
  std::string flag = "--" + message.substr(0, end);
  std::ranges::replace(flag, '_', '-');
  return command.get_option_no_throw(flag) == nullptr ? message : flag + message.substr(end);
}

}  // namespace

Program::Program(const std::string& name, const std::string& description,
                 const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
}

Program::~Program() = default;

void Program::add_config_file() {
  app_->set_config(
      "--config", "",
      "TOML file with settings, one section per command, for example [sample] steps = 20");
  app_->config_formatter(std::make_shared<FileBelowEnvironment>(*app_));
  app_->allow_config_extras(CLI::config_extras_mode::error);
}

void Program::run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::FileError& error) {
    throw Error(ErrorCode::io, error.what());
  } catch (const CLI::ConfigError& error) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: not valid TOML, or a key that is not a flag of its command: {}",
                            (*app_)["--config"]->as<std::string>(), error.what()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      app_->exit(error);
      return;
    }
    throw Error(ErrorCode::usage, fmt::format("{}\nSee ddim --help, or ddim COMMAND --help.",
                                              problem_of(error, *app_)));
  } catch (const Error& error) {
    throw Error(error.code(), naming_the_flag(error.what(), command_of(*app_)));
  }
}

}  // namespace ddim::cli
