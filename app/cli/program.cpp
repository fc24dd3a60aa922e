#include "program.h"

#include <ddim/error.h>
#include <ddim/ranks.h>
#include <ddim/words.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "completion.h"
#include "help.h"
#include "rank_flags.h"
#include "settings.h"
#include "terminal.h"
#include "words.h"

namespace ddim::cli {
namespace {

/// The library names a field where the program has a flag: "steps must be ..." becomes "--steps
/// must be ...", or "DDIM_STEPS (which sets --steps) must be ...". A flag that nobody gave is named
/// only where it is asked for: "class: this model has classes; choose one".
std::string naming_the_flag(const std::string& message, CommandData& command) {
  const std::size_t end = message.find_first_not_of("abcdefghijklmnopqrstuvwxyzT0123456789_-");
  if (end == 0 || end == std::string::npos || (message[end] != ' ' && message[end] != ':'))
    return message;
  std::string name = (message.starts_with("--") ? "" : "--") + message.substr(0, end);
  std::ranges::replace(name, '_', '-');
  const OptionData* const option = command.find(name);
  if (option == nullptr) return message;
  const bool is_asked_for = message.find("; choose ") != std::string::npos;
  if (option->source == Source::nobody && !is_asked_for) return message;
  return option->cause() + message.substr(end);
}

void check_required(CommandData& command) {
  for (OptionData& option : command.options)
    if (option.required && option.source == Source::nobody) Option(&option).throw_missing();
}

/// Several processes of a command that knows nothing of each other would do the same, into the same
/// files.
void refuse_many_ranks(CommandData& command) {
  if (Ranks::launched_size() <= 1 || command.find(RankFlags::kMark) != nullptr) return;
  let_the_first_speak(Ranks::launched_rank());
  throw Error(ErrorCode::user,
              fmt::format("{} is the work of one process, but a launcher started {}; start it by "
                          "itself, or set DDIM_MPI_LIBRARY=none where each process has files of "
                          "its own",
                          command.full_name(), Ranks::launched_size()));
}

}  // namespace

Program::Program(const std::string& name, const std::string& description,
                 const std::string& version, std::string (*version_details)())
    : data_{.name = name, .description = description},
      version_(fmt::format("{} {}", name, version)) {
  const Command root = this->root();
  root.add_option(
      "--config", config_,
      "TOML file with settings: a section for each command, such as [sample], with flags "
      "as keys, such as steps=20");
  root.add_flag("--help", help_, "Print this help");
  root.add_flag("--help-all", help_all_, "Print this help with all flags, also rare ones");
  root.add_help("--version", version_details,
                "Print version, build, instruction set and libraries");
}

void Program::add_help_commands() {
  const Command root = this->root();
  const Command help = root.add_command("help", "Print the help of a command");
  help.add_option("command", topic_, "Name of a command").type_name("COMMAND");
  help.add_flag("--man", man_, "Print it as the source of a manual page, for man");
  help.callback([this] { print_help_of(topic_); });
  const Command completion = root.add_command(
      "completion", "Print a script that makes a shell complete commands, flags and their words");
  completion.add_option("shell", shell_, "bash, zsh or fish")
      .required()
      .one_of(completed_shells())
      .type_name("SHELL");
  completion.footer(
      "For bash, add `source <(ddim completion bash)` to ~/.bashrc; for zsh, `source <(ddim "
      "completion zsh)` to ~/.zshrc, after compinit; for fish, write it to "
      "~/.config/fish/completions/ddim.fish. Packages bring them.");
  completion.callback([this] { print_out("{}", completion_of(data_, shell_)); });
}

std::string Program::help() const {
  return help_of(data_, data_, {.width = text_width(), .colour = has_colour(STDOUT_FILENO)});
}

void Program::print_help_of(const std::string& command_name) {
  std::vector<std::string> names;
  for (const CommandData& command : data_.commands) names.push_back(command.name);
  const CommandData* const command =
      command_name.empty() ? &data_ : data_.find_command(command_name);
  if (command == nullptr) {
    throw Error(ErrorCode::usage, fmt::format("unknown command \"{}\"{}", command_name,
                                              suggestion(command_name, names)));
  }
  if (man_) {
    print_out("{}", manual_of(*command, data_, version_));
    return;
  }
  print_out("{}", help_of(*command, data_,
                          {.width = text_width(),
                           .colour = has_colour(STDOUT_FILENO),
                           .flags = help_all_ ? Flags::all : Flags::common}));
}

void Program::run_command(CommandData& command) {
  refuse_many_ranks(command);
  take_environment(command);
  if (!config_.empty()) take_file(config_, data_, command);
  settle_conflicts(command);
  check_required(command);
  try {
    command.run();
  } catch (const Error& error) {
    throw Error(error.code(), naming_the_flag(error.what(), command));
  }
}

void Program::run(const std::vector<std::string>& words) {
  CommandData* command = &data_;
  try {
    if (const OptionData* option = parse_words(words, data_, command)) {
      print_out("{}", option->text());
    } else if ((help_ || help_all_) && command->name != "help") {
      print_help_of(command == &data_ ? "" : command->name);
    } else if (command == &data_) {
      throw Error(ErrorCode::usage, "a command is missing, for example: ddim sample");
    } else {
      run_command(*command);
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    throw Error(error.code(),
                fmt::format("{}\nSee {} --help.", error.what(),
                            (command->name == "help" ? data_ : *command).full_name()));
  }
}

}  // namespace ddim::cli
