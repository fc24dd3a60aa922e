#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

// The command line is CLI11's. It is one large header that adds seconds to each file which includes
// it, so command_line.cpp and program.cpp alone do, and all others see these classes.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ddim::cli {

/// A flag or an argument of a command, which owns it. Copies are the same option.
class Option {
 public:
  Option() = default;  ///< of no command: only to be assigned to
  explicit Option(CLI::Option* option) : option_(option) {}

  // What it is, said one after another: each returns the same option.
  Option type_name(const std::string& name) const;  ///< what help writes for the value
  Option envname(const std::string& name) const;    ///< environment variable that it falls back to
  Option required() const;
  Option show_default() const;  ///< in help: what the variable holds now
  Option show_default(const std::string& text) const;
  Option delimiter(char between) const;  ///< of values in one word
  Option excludes(Option other) const;
  Option non_negative() const;
  Option positive() const;  ///< a whole number, 1 or greater
  Option one_of(const std::vector<std::string>& words) const;
  /// `problem_of` says what is wrong with a value, "" for nothing.
  Option check(std::function<std::string(const std::string&)> problem_of) const;

  // What the user said.
  std::string name() const;  ///< "--tau", or the name of an argument
  bool given() const;        ///< on the command line, in the environment or in a file
  std::vector<Option> excluded() const;

  /// Sets the variable as if the user had said `value`. Error(usage) when the option does not take
  /// it.
  void set(const std::string& value) const;
  /// Sets the variable to the default that help shows, as if the user had not said anything.
  void reset() const;
  /// Fails as parsing does when a required option is not there.
  [[noreturn]] void throw_missing() const;

 private:
  CLI::Option* option_ = nullptr;
};

/// A command with its options, or the program that all commands belong to. Copies are the same
/// command; the Program owns it.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  Command add_command(const std::string& name, const std::string& description) const;
  /// A group of options of which exactly one is to be given.
  Command add_alternatives(const std::string& name, const std::string& description) const;

  /// "--name", or "name" for an argument. `value` gets what the user says; until then it is the
  /// default. For the types that command_line.cpp names; others do not link.
  template <class Value>
  Option add_option(const std::string& name, Value& value, const std::string& description) const;
  /// A switch.
  Option add_flag(const std::string& name, bool& value, const std::string& description) const;
  /// A word that may be left out: `--name` alone means `--name=word`.
  Option add_flag(const std::string& name, const std::string& word, std::string& value,
                  const std::string& description) const;

  /// A switch that prints a text instead of doing the command's work, whatever else is missing.
  void add_help(const std::string& name, std::string (*text)(),
                const std::string& description) const;

  void callback(std::function<void()> run) const;  ///< what the command does, once parsed
  void footer(const std::string& text) const;      ///< below its help
  void fallthrough() const;                        ///< takes the program's options too
  std::string help() const;

  std::vector<Option> options() const;  ///< in the order they were added
  std::vector<Option> options_on_command_line() const;
  std::optional<Option> find_option(const std::string& name) const;

 private:
  CLI::App* app_;
};

}  // namespace ddim::cli
