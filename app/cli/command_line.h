#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ddim::cli {

struct OptionData;
struct CommandData;

/// Who gave an option its value. A later one overrides an earlier one, also where two options
/// exclude each other.
enum class Source { nobody, file, environment, recipe, command_line };

/// A flag or an argument of a command, which owns it. Copies are the same option.
class Option {
 public:
  Option() = default;  ///< of no command: only to be assigned to
  explicit Option(OptionData* data) : data_(data) {}

  // What it is, said one after another: each returns the same option.
  Option type_name(const std::string& name) const;  ///< what help writes for the value
  Option envname(const std::string& name) const;    ///< environment variable that it falls back to
  Option required() const;
  Option show_default() const;  ///< in help: what the variable holds now
  Option show_default(const std::string& text) const;
  Option delimiter(char between) const;  ///< of values in one word
  Option excludes(Option other) const;
  /// The same where `problem` says that the values that both have do not go together, "" where they
  /// do. Error(user) with its text when both have the same weight.
  Option excludes(Option other, std::function<std::string()> problem) const;
  /// Means something with some values of `other` only, which `problem` tells in the same way.
  /// Error(user) with its text unless `other` has more weight; then this one counts as not given.
  Option depends_on(Option other, std::function<std::string()> problem) const;
  Option needs(Option other) const;  ///< says nothing without it: Error(user)
  Option one_of(const std::vector<std::string>& words) const;
  /// Words among the values that it takes, for shells that complete them.
  Option offers(const std::vector<std::string>& words) const;
  /// `problem_of` says what is wrong with a value, "" for nothing.
  Option check(std::function<std::string(const std::string&)> problem_of) const;
  /// The same of what is a number but out of its range: Error(user).
  Option check_range(std::function<std::string(const std::string&)> problem_of) const;
  // The range of each number, checked before the command is called: Error(user).
  Option non_negative() const;
  Option positive() const;  ///< 1 or greater
  Option within(double least, double greatest) const;
  Option above(double least) const;  ///< greater than that
  Option at_most(double greatest) const;

  // What the user said.
  std::string name() const;  ///< "--tau", or the name of an argument
  bool given() const { return source() != Source::nobody; }
  Source source() const;
  /// Given, and not by somebody whom `other` overrides: DDIM_STEPS says nothing beside --tau 5,9.
  bool given_beside(Option other) const;
  /// For messages: "--steps", or "DDIM_STEPS, which sets --steps," or "mine.toml:3: steps".
  std::string cause() const;

  /// Sets the variable as if the recipe had said `value`. Error(usage) when the option does not
  /// take it, Error(user) for a number out of its range.
  void set(const std::string& value) const;
  void set(const std::vector<std::string>& values) const;
  /// Sets the variable to its default, as if nobody had said anything.
  void reset() const;
  /// Fails as parsing does when a required option is not there.
  [[noreturn]] void throw_missing() const;

 private:
  OptionData* data_ = nullptr;
};

/// A command with its options, or the program that all commands belong to. Copies are the same
/// command; the Program owns it.
class Command {
 public:
  explicit Command(CommandData& data) : data_(&data) {}

  Command add_command(const std::string& name, const std::string& description) const;

  /// "--name", or "name" for an argument. `value` gets what the user says; until then it is the
  /// default. For the types that command_line.cpp names; others do not link.
  template <class Value>
  Option add_option(const std::string& name, Value& value, const std::string& description) const;
  /// A switch.
  Option add_flag(const std::string& name, bool& value, const std::string& description) const;
  /// A word that may be left out: `--name` alone means `--name word`.
  Option add_flag(const std::string& name, const std::string& word, std::string& value,
                  const std::string& description) const;

  /// A switch that prints a text instead of doing the command's work, whatever else is missing.
  void add_help(const std::string& name, std::string (*text)(),
                const std::string& description) const;

  void callback(std::function<void()> run) const;  ///< what the command does, once parsed
  void footer(const std::string& text) const;      ///< below its help

  /// As settings.h has it, once more where options have changed since.
  void settle_conflicts() const;

  std::vector<Option> options() const;  ///< in the order they were added
  std::vector<Option> options_on_command_line() const;
  /// Of the options that `add` adds to the command.
  std::set<std::string> names_added_by(const std::function<void()>& add) const;
  std::optional<Option> find_option(const std::string& name) const;
  /// Error(usage) when one of these stands on the command line, where it would be ignored. `why`
  /// completes "--seed is not used "; what a file or the environment says is for other uses, and
  /// counts as not given.
  void refuse_ignored(const std::set<std::string>& names, const std::string& why) const;

 private:
  CommandData* data_;
};

}  // namespace ddim::cli
