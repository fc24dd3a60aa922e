#pragma once

#include <string>
#include <utility>
#include <vector>

#include "command_line.h"

namespace ddim::cli {

/// A flag whose value is one of some words, each of which stands for a value of `Value`.
template <class Value>
class ChoiceFlag {
 public:
  /// The first choice is the default.
  explicit ChoiceFlag(std::vector<std::pair<std::string, Value>> choices)
      : choices_(std::move(choices)), word_(choices_.front().first) {}
  ChoiceFlag(const ChoiceFlag&) = delete;
  ChoiceFlag& operator=(const ChoiceFlag&) = delete;

  Option add_to(Command command, const std::string& name, const std::string& description) {
    return command.add_option(name, word_, description)
        .show_default()
        .type_name("NAME")
        .one_of(words());
  }
  /// A flag that may stand alone: `word` is its value then.
  Option add_to(Command command, const std::string& name, const std::string& word,
                const std::string& description) {
    return command.add_flag(name, word, word_, description).one_of(words());
  }

  Value value() const {
    for (const auto& [word, value] : choices_)
      if (word == word_) return value;
    return choices_.front().second;
  }

 private:
  std::vector<std::string> words() const {
    std::vector<std::string> words;
    for (const auto& choice : choices_) words.push_back(choice.first);
    return words;
  }

  std::vector<std::pair<std::string, Value>> choices_;
  std::string word_;
};

}  // namespace ddim::cli
