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

/// The program's flags that take a value: what stands behind one is not the command.
std::vector<std::string> program_flags_with_value(const CommandData& program) {
  std::vector<std::string> names;
  for (const OptionData& option : program.options)
    if (option.takes == Takes::one || option.takes == Takes::many) names.push_back(option.name);
  return names;
}

std::string for_bash(const CommandData& program) {
  std::string flags, words, arguments, taking;
  const auto add = [&](const CommandData& command, const std::string& pattern) {
    std::vector<std::string> names;
    for (const OptionData* flag : flags_of(command, program)) names.push_back(flag->name);
    flags += fmt::format("    {}) flags=\"{}\" ;;\n", pattern, fmt::join(names, " "));
    for (const OptionData* option : flags_of(command, program)) {
      if (option->takes == Takes::nothing) continue;
      if (!option->words.empty())
        words += fmt::format("    {}:{}) words=\"{}\" ;;\n", pattern, option->name,
                             fmt::join(option->words, " "));
      if (option->takes != Takes::optional)
        taking += fmt::format("    {}:{}) takes=1 ;;\n", pattern, option->name);
    }
    const std::vector<std::string> of_arguments = words_of_arguments(command, program);
    if (!of_arguments.empty())
      arguments += fmt::format("    {}) words=\"{}\" ;;\n", pattern, fmt::join(of_arguments, " "));
  };
  for (const CommandData& command : program.commands) add(command, command.name);
  add(program, "\"\"");
  arguments += fmt::format("    \"\") words=\"{}\" ;;\n", fmt::join(command_names(program), " "));
  return fmt::format(
      R"(# bash completion of ddim, written by `ddim completion bash`
# Which word is the command: none yet is "". The shell makes three words of --config=FILE.
_ddim_command() {{
  local at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case ${{COMP_WORDS[at]}} in
      {0}) ((at++)); [ "${{COMP_WORDS[at]}}" != = ] || ((at++)) ;;
      -*) ;;
      *) echo "${{COMP_WORDS[at]}}"; return ;;
    esac
  done
}}
_ddim() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} joined=""
  local command flags="" words="" takes=""
  command=$(_ddim_command)
  if [ "$word" = = ]; then
    word="" joined=1
  elif [ "$before" = = ]; then
    before=${{COMP_WORDS[COMP_CWORD-2]}} joined=1
  fi
  COMPREPLY=()
  case $command in
{1}  esac
  case $command:$before in
{2}  esac
  case $command:$before in
{3}  esac
  if [[ $word == -* && -z $takes$joined ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [ -n "$takes$joined" ] || compopt -o default
  elif [ -n "$takes$joined" ]; then
    compopt -o default
  else
    case $command in
{4}    esac
    [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$word"))
    [ -n "$words" ] || compopt -o default
  fi
}}
complete -F _ddim ddim
)",
      fmt::join(program_flags_with_value(program), "|"), flags, words, taking, arguments);
}

/// Text in a specification of zsh's _arguments, in single quotes.
std::string for_zsh_arguments(const std::string& text) {
  std::string escaped = replaced(text, '\\', "\\\\");
  for (const char c : {':', '[', ']'}) escaped = replaced(escaped, c, std::string("\\") + c);
  return replaced(escaped, '\'', "'\\''");
}

/// A specification of _arguments for each flag.
std::string zsh_specifications(const CommandData& command, const CommandData& program) {
  std::string specifications;
  for (const OptionData* flag : flags_of(command, program)) {
    std::string value;
    const std::string type = for_zsh_arguments(flag->type_name.empty() ? "value" : flag->type_name);
    if (flag->takes != Takes::nothing)
      value = fmt::format(
          "{}:{}:{}", flag->takes == Takes::optional ? ":" : "", type,
          flag->words.empty() ? "_files" : fmt::format("({})", fmt::join(flag->words, " ")));
    specifications += fmt::format(" \\\n        '{}{}[{}]{}'", flag->name,
                                  flag->takes == Takes::nothing ? "" : "=",
                                  for_zsh_arguments(summary_of(flag->description)), value);
  }
  return specifications;
}

std::string for_zsh(const CommandData& program) {
  std::string names, cases;
  for (const CommandData& command : program.commands) {
    names += fmt::format("    '{}:{}'\n", command.name,
                         replaced(summary_of(command.description), '\'', "'\\''"));
    const std::vector<std::string> words = words_of_arguments(command, program);
    cases += fmt::format("      {})\n        _arguments{} \\\n        '*:{}:{}' ;;\n", command.name,
                         zsh_specifications(command, program),
                         command.has_arguments() ? "argument" : "file",
                         words.empty() ? "_files" : fmt::format("({})", fmt::join(words, " ")));
  }
  return fmt::format(R"(#compdef ddim
# zsh completion of ddim, written by `ddim completion zsh`
# Which word is the command: its place, or one beyond the cursor's word.
_ddim_command() {{
  local -i at=2
  while (( at < CURRENT )); do
    case $words[at] in
      {0}) (( at += 2 )) ;;
      -*) (( at++ )) ;;
      *) break ;;
    esac
  done
  REPLY=$at
}}
_ddim() {{
  local REPLY
  local -a commands=(
{1}  )
  _ddim_command
  if (( REPLY < CURRENT )); then
    local command=$words[REPLY]
    shift $(( REPLY - 1 )) words
    (( CURRENT -= REPLY - 1 ))
    case $command in
{2}    esac
  elif (( REPLY > CURRENT )) || [[ $PREFIX == -* ]]; then
    _arguments{3}
  else
    _describe command commands
  fi
}}
if [ "$funcstack[1]" = "_ddim" ]; then
  _ddim "$@"
else
  compdef _ddim ddim
fi
)",
                     fmt::join(program_flags_with_value(program), "|"), names, cases,
                     zsh_specifications(program, program));
}

/// A line for each flag, where `condition` holds.
std::string fish_flags(const CommandData& command, const CommandData& program,
                       const std::string& condition) {
  std::string text;
  for (const OptionData* flag : flags_of(command, program)) {
    const bool may_stand_alone = flag->takes == Takes::optional;
    const std::string words = fmt::format("-a \"{}\"", fmt::join(flag->words, " "));
    std::string value;
    if (flag->takes != Takes::nothing && !may_stand_alone) value = " -r";
    if (!flag->words.empty()) value = (may_stand_alone ? " -f " : " -x ") + words;
    text += fmt::format("complete -c ddim -n '{}' -l {}{} -d {}\n", condition, flag->name.substr(2),
                        value, in_single_quotes(summary_of(flag->description)));
    if (may_stand_alone && !flag->words.empty())
      text += fmt::format("complete -c ddim -n '{}; and __ddim_is_after {}' {}\n", condition,
                          flag->name, words);
  }
  return text;
}

std::string for_fish(const CommandData& program) {
  std::string text = fmt::format(R"(# fish completion of ddim, written by `ddim completion fish`
# Which word is the command: none yet is nothing.
function __ddim_command
    set -l words (commandline -opc)
    set -l at 2
    while test $at -le (count $words)
        switch $words[$at]
            case {}
                set at (math $at + 1)
            case '-*'
            case '*'
                echo $words[$at]
                return
        end
        set at (math $at + 1)
    end
end
function __ddim_is
    set -l command (__ddim_command)
    test "$command" = "$argv"
end
function __ddim_is_after
    set -l words (commandline -opc)
    test "$words[-1]" = "$argv"
end
)",
                                 fmt::join(program_flags_with_value(program), " "));
  for (const CommandData& command : program.commands)
    text += fmt::format("complete -c ddim -n '__ddim_is \"\"' -f -a {} -d {}\n", command.name,
                        in_single_quotes(summary_of(command.description)));
  text += fish_flags(program, program, "__ddim_is \"\"");
  for (const CommandData& command : program.commands) {
    const std::string of_command = "__ddim_is " + command.name;
    text += fish_flags(command, program, of_command);
    const std::vector<std::string> words = words_of_arguments(command, program);
    if (!words.empty())
      text +=
          fmt::format("complete -c ddim -n '{}' -f -a \"{}\"\n", of_command, fmt::join(words, " "));
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
