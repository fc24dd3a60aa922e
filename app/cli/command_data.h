#pragma once

#include <ddim/error.h>

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "command_line.h"

// What the handles of command_line.h point to. Only the files that parse, fill, check and print a
// command line look at it.
namespace ddim::cli {

/// What is wrong with a value; without a text, nothing.
struct Problem {
  std::string text = {};
  ErrorCode code = ErrorCode::usage;  ///< user for a number out of its range
};

struct OptionData {
  /// To another option; `problem` says why the values that both have now do not go together, "" for
  /// values that do.
  struct Relation {
    OptionData* other;
    std::function<std::string()> problem;
  };
  enum class Takes {
    nothing,   ///< a switch
    optional,  ///< a word, which may be left out
    one,
    many,
  };
  std::string name = {};  ///< "--tau"; "pictures" of an argument
  Takes takes = Takes::one;
  std::string description = {};
  std::string type_name = {};     ///< what help writes for the value
  std::string default_text = {};  ///< in help; "" for none
  std::string variable = {};      ///< of the environment; "" for none
  bool required = false;
  std::string alone = {};                 ///< of Takes::optional: what the name alone means
  char delimiter = '\0';                  ///< of Takes::many: between values in one word
  std::vector<std::string> words = {};    ///< some of the values, or all
  std::vector<Relation> excluded = {};    ///< the weaker one counts as not given
  std::vector<Relation> depends_on = {};  ///< this one counts as not given where it is weaker
  const OptionData* needed = nullptr;
  std::vector<std::function<Problem(const std::string&)>> checks = {};  ///< of each value
  bool is_number = false;  ///< the value, or each of them
  double least = -std::numeric_limits<double>::infinity();
  double greatest = std::numeric_limits<double>::infinity();
  bool least_is_excluded = false;
  std::string (*text)() = nullptr;  ///< printed instead of doing the command's work

  /// Sets the variable. Returns what is wrong with the values.
  std::function<Problem(const std::vector<std::string>&)> assign = {};
  std::function<void()> assign_default = {};
  std::function<std::string()> current_text = {};

  Source source = Source::nobody;
  Source stronger = Source::nobody;      ///< who made settle_conflicts() reset it
  std::string origin = {};               ///< "mine.toml:3", "DDIM_STEPS"; "" for the command line
  std::vector<std::string> values = {};  ///< as given, one by one

  bool is_argument() const { return name.front() != '-'; }
  /// Sets the variable and remembers who said so. Error(usage) when the option does not take it,
  /// Error(user) for a number out of its range.
  void set(const std::vector<std::string>& words, Source from, const std::string& where);
  /// As if nobody had said anything.
  void reset();
  /// "--steps", or "DDIM_STEPS, which sets --steps," or "mine.toml:3: steps".
  std::string cause() const;
};

struct CommandData {
  std::string name = {};
  std::string description = {};
  std::string footer = {};
  CommandData* parent = nullptr;
  std::deque<OptionData> options = {};
  std::deque<CommandData> commands = {};
  std::function<void()> run = {};

  OptionData* find(const std::string& option_name);
  CommandData* find_command(const std::string& command_name);
  bool has_arguments() const;
  /// "ddim sample"
  std::string full_name() const;
};

}  // namespace ddim::cli
