#include "completion.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

namespace ddim::cli {
namespace {

using Takes = OptionData::Takes;

/// The command's own flags and those of the program.
std::vector<const OptionData*> flags_of(const CommandData& command, const CommandData& program) {
  std::vector<const OptionData*> flags;
  for (const CommandData* owner : {&command, &program}) {
    for (const OptionData& option : owner->options)
      if (!option.is_argument()) flags.push_back(&option);
    if (&command == &program) break;
  }
  return flags;
}

std::vector<std::string> command_names(const CommandData& program) {
  std::vector<std::string> names;
  for (const CommandData& command : program.commands) names.push_back(command.name);
  return names;
}

/// The words that an argument of the command may be: names of commands after `help`.
std::vector<std::string> words_of_arguments(const CommandData& command,
                                            const CommandData& program) {
  if (command.name == "help") return command_names(program);
  for (const OptionData& option : command.options)
    if (option.is_argument() && !option.words.empty()) return option.words;
  return {};
}

std::string replaced(std::string text, char what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size()))
    text.replace(at, 1, by);
  return text;
}

std::string in_single_quotes(const std::string& text) {
  return "'" + replaced(text, '\'', "'\\''") + "'";
}

/// What menus have room for.
std::string summary_of(const std::string& description) {
  constexpr std::size_t kMost = 80;
  std::string summary =
      description.substr(0, std::min(description.find(';'), description.find(" (")));
  if (summary.size() > kMost) summary = summary.substr(0, summary.rfind(' ', kMost)) + " ...";
  while (summary.ends_with(' ')) summary.pop_back();
  return summary;
}

std::string for_bash(const CommandData& program) {
  std::string flags, words, arguments, taking;
  const auto add = [&](const CommandData& command, const std::string& pattern) {
    std::vector<std::string> names;
    for (const OptionData* flag : flags_of(command, program)) names.push_back(flag->name);
    flags += fmt::format("    {}) flags=\"{}\" ;;\n", pattern, fmt::join(names, " "));
    for (const OptionData& option : command.options) {
      if (option.is_argument() || option.takes == Takes::nothing) continue;
      if (!option.words.empty())
        words += fmt::format("    {}:{}) words=\"{}\" ;;\n", pattern, option.name,
                             fmt::join(option.words, " "));
      if (option.takes != Takes::optional)
        taking += fmt::format("    {}:{}) takes=1 ;;\n", pattern, option.name);
    }
    const std::vector<std::string> of_arguments = words_of_arguments(command, program);
    if (!of_arguments.empty())
      arguments += fmt::format("    {}) words=\"{}\" ;;\n", pattern, fmt::join(of_arguments, " "));
  };
  for (const CommandData& command : program.commands) add(command, command.name);
  std::string of_program;
  for (const OptionData* flag : flags_of(program, program)) of_program += " " + flag->name;
  return fmt::format(
      R"(# bash completion of ddim, written by `ddim completion bash`
_ddim() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  local command=${{COMP_WORDS[1]}} commands="{}" flags="" words="" takes=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "$commands{}" -- "$word"))
    return
  fi
  case $command in
{}  esac
  case $command:$before in
{}  esac
  case $command:$before in
{}  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  elif [ "$before" = --config ] || [ -n "$takes" ]; then
    compopt -o default
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  else
    case $command in
{}    esac
    [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$word"))
    [ -n "$words" ] || compopt -o default
  fi
}}
complete -F _ddim ddim
)",
      fmt::join(command_names(program), " "), of_program, flags, words, taking, arguments);
}

/// Text in a specification of zsh's _arguments, in single quotes.
std::string for_zsh_arguments(const std::string& text) {
  std::string escaped = replaced(text, '\\', "\\\\");
  for (const char c : {':', '[', ']'}) escaped = replaced(escaped, c, std::string("\\") + c);
  return replaced(escaped, '\'', "'\\''");
}

std::string for_zsh(const CommandData& program) {
  std::string names, cases;
  for (const CommandData& command : program.commands) {
    names += fmt::format("    '{}:{}'\n", command.name,
                         replaced(summary_of(command.description), '\'', "'\\''"));
    std::string specifications;
    for (const OptionData* flag : flags_of(command, program)) {
      std::string value;
      const std::string type =
          for_zsh_arguments(flag->type_name.empty() ? "value" : flag->type_name);
      if (flag->takes != Takes::nothing)
        value = fmt::format(
            "{}:{}:{}", flag->takes == Takes::optional ? ":" : "", type,
            flag->words.empty() ? "_files" : fmt::format("({})", fmt::join(flag->words, " ")));
      specifications += fmt::format(" \\\n        '{}{}[{}]{}'", flag->name,
                                    flag->takes == Takes::nothing ? "" : "=",
                                    for_zsh_arguments(summary_of(flag->description)), value);
    }
    const std::vector<std::string> words = words_of_arguments(command, program);
    specifications +=
        fmt::format(" \\\n        '*:{}:{}'", command.has_arguments() ? "argument" : "file",
                    words.empty() ? "_files" : fmt::format("({})", fmt::join(words, " ")));
    cases += fmt::format("      {})\n        _arguments{} ;;\n", command.name, specifications);
  }
  return fmt::format(R"(#compdef ddim
# zsh completion of ddim, written by `ddim completion zsh`
_ddim() {{
  local -a commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
  else
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{}    esac
  fi
}}
if [ "$funcstack[1]" = "_ddim" ]; then
  _ddim "$@"
else
  compdef _ddim ddim
fi
)",
                     names, cases);
}

std::string for_fish(const CommandData& program) {
  std::string text = "# fish completion of ddim, written by `ddim completion fish`\n";
  for (const CommandData& command : program.commands)
    text += fmt::format("complete -c ddim -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                        in_single_quotes(summary_of(command.description)));
  for (const CommandData& command : program.commands) {
    const std::string of_command =
        fmt::format("complete -c ddim -n '__fish_seen_subcommand_from {}'", command.name);
    for (const OptionData* flag : flags_of(command, program)) {
      text += fmt::format(
          "{} -l {}{}{} -d {}\n", of_command, flag->name.substr(2),
          flag->takes == Takes::nothing || flag->takes == Takes::optional ? "" : " -r",
          flag->words.empty() ? "" : fmt::format(" -x -a \"{}\"", fmt::join(flag->words, " ")),
          in_single_quotes(summary_of(flag->description)));
    }
    const std::vector<std::string> words = words_of_arguments(command, program);
    if (!words.empty()) text += fmt::format("{} -f -a \"{}\"\n", of_command, fmt::join(words, " "));
  }
  return text;
}

struct Shell {
  std::string name;
  std::string (*script)(const CommandData&);
};
const std::vector<Shell>& shells() {
  static const std::vector<Shell> all = {{"bash", for_bash}, {"zsh", for_zsh}, {"fish", for_fish}};
  return all;
}

}  // namespace

const std::vector<std::string>& completed_shells() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Shell& shell : shells()) all.push_back(shell.name);
    return all;
  }();
  return names;
}

std::string completion_of(const CommandData& program, const std::string& shell) {
  return std::ranges::find(shells(), shell, &Shell::name)->script(program);
}

}  // namespace ddim::cli
