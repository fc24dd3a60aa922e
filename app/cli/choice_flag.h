#pragma once

#include <ddim/words.h>

#include <optional>
#include <string>
#include <vector>

#include "command_line.h"

namespace ddim::cli {

/// A flag whose value is one of the names of a vocabulary type.
template <HasNames Value>
class ChoiceFlag {
 public:
  /// All values; the default is `initial`, else the first.
  explicit ChoiceFlag(std::optional<Value> initial = {}) : words_(names_of<Value>()) {
    word_ = initial ? std::string(to_string(*initial)) : words_.front();
  }
  ChoiceFlag(const ChoiceFlag&) = delete;
  ChoiceFlag& operator=(const ChoiceFlag&) = delete;

  /// Leaves a value out.
  void leave_out(const Value& value) { std::erase(words_, std::string(to_string(value))); }

  Option add_to(Command command, const std::string& name, const std::string& description) {
    return command.add_option(name, word_, description)
        .show_default()
        .type_name("NAME")
        .one_of(words_);
  }
  /// A flag that may stand alone: `--name` means this value.
  Option add_to(Command command, const std::string& name, const Value& alone,
                const std::string& description) {
    return command.add_flag(name, std::string(to_string(alone)), word_, description).one_of(words_);
  }

  Value value() const { return *value_named<Value>(word_); }

 private:
  std::vector<std::string> words_;
  std::string word_;
};

}  // namespace ddim::cli
