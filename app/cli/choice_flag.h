#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

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

  CLI::Option* add_to(CLI::App& command, const std::string& name, const std::string& description) {
    return check(
        command.add_option(name, word_, description)->capture_default_str()->type_name("NAME"));
  }
  /// A flag that may stand alone: `word` is its value then.
  CLI::Option* add_to(CLI::App& command, const std::string& name, const std::string& word,
                      const std::string& description) {
    return check(command.add_flag(name + "{" + word + "}", word_, description));
  }

  Value value() const {
    for (const auto& [word, value] : choices_)
      if (word == word_) return value;
    return choices_.front().second;
  }

 private:
  CLI::Option* check(CLI::Option* option) const {
    std::vector<std::string> words;
    for (const auto& choice : choices_) words.push_back(choice.first);
    return option->check(CLI::IsMember(words).description(""));
  }

  std::vector<std::pair<std::string, Value>> choices_;
  std::string word_;
};

}  // namespace ddim::cli
