#include "words.h"

#include <ddim/error.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

namespace ddim::cli {
namespace {

using Takes = OptionData::Takes;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::usage, message); }

class Parser {
 public:
  Parser(const std::vector<std::string>& words, CommandData& program, CommandData*& command)
      : words_(words), program_(program), command_(command) {}

  const OptionData* run() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (word == "--" && !only_arguments_) {
        only_arguments_ = true;
      } else if (only_arguments_ || word.size() < 2 || word.front() != '-') {
        take_argument(word);
      } else if (const OptionData* text = take_option(word)) {
        return text;
      }
    }
    for (auto& [option, values] : said_) option->set(values, Source::command_line, "");
    return nullptr;
  }

 private:
  OptionData* find(std::string name) const {
    if (name == "-h") name = "--help";
    if (name == "-V") name = "--version";
    OptionData* option = command_->find(name);
    return option != nullptr ? option : program_.find(name);
  }

  std::vector<std::string> names_of_options() const {
    std::vector<std::string> names;
    for (const CommandData* owner :
         {const_cast<const CommandData*>(command_), const_cast<const CommandData*>(&program_)}) {
      for (const OptionData& option : owner->options)
        if (!option.is_argument()) names.push_back(option.name);
    }
    return names;
  }

  std::string hint_for(const std::string& name) const {
    if (name.starts_with("--") || name.size() > 2) return suggestion(name, names_of_options());
    return fmt::format(
        "; options are words, such as --out, but for -h and -V: {} --help lists them",
        command_->full_name());
  }

  const OptionData* take_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    OptionData* const option = find(name);
    if (option == nullptr) refuse(fmt::format("unknown option {}{}", name, hint_for(name)));
    if (option->text != nullptr) return option;
    std::vector<std::string>& values = said_[option];
    if (option->takes == Takes::one && !values.empty())
      refuse(fmt::format("{} stands twice on the command line; give it once", name));
    if (equals != std::string::npos) {
      values.push_back(word.substr(equals + 1));
    } else if (option->takes == Takes::nothing) {
      values = {"true"};
    } else if (option->takes == Takes::optional) {
      values = {next_is_value_of(*option) ? words_[next_++] : option->alone};
    } else {
      if (next_ == words_.size() || words_[next_].starts_with("--"))
        refuse(fmt::format("{} needs a value: {}", name, option->type_name));
      values.push_back(words_[next_++]);
      // A list may go on in the words that follow, where they can be nothing else.
      while (option->takes == Takes::many && !command_->has_arguments() && next_ < words_.size() &&
             !words_[next_].starts_with('-'))
        values.push_back(words_[next_++]);
    }
    return nullptr;
  }

  /// Whether the next word is the value of a flag that may also stand alone: one of its words, one
  /// that is near, or one that could be nothing else.
  bool next_is_value_of(const OptionData& option) const {
    if (next_ == words_.size() || words_[next_].starts_with('-')) return false;
    const std::string& word = words_[next_];
    if (std::ranges::find(option.words, word) != option.words.end()) return true;
    if (!command_->has_arguments()) return true;
    return !suggestion(word, option.words).empty() && !std::filesystem::exists(word);
  }

  void take_argument(const std::string& word) {
    if (command_ == &program_) {
      CommandData* const found = program_.find_command(word);
      if (found == nullptr) {
        std::vector<std::string> names;
        for (const CommandData& known : program_.commands) names.push_back(known.name);
        refuse(fmt::format("unknown command \"{}\"{}", word,
                           program_.find("--" + word) != nullptr
                               ? fmt::format("; did you mean --{}?", word)
                               : suggestion(word, names)));
      }
      command_ = found;
      return;
    }
    for (OptionData& option : command_->options) {
      if (!option.is_argument()) continue;
      std::vector<std::string>& values = said_[&option];
      if (!values.empty() && option.takes != Takes::many) continue;
      values.push_back(word);
      return;
    }
    refuse(fmt::format("unexpected argument \"{}\"", word));
  }

  const std::vector<std::string>& words_;
  CommandData& program_;
  CommandData*& command_;
  std::size_t next_ = 0;
  bool only_arguments_ = false;
  std::map<OptionData*, std::vector<std::string>> said_;
};

}  // namespace

const OptionData* parse_words(const std::vector<std::string>& words, CommandData& program,
                              CommandData*& command) {
  return Parser(words, program, command).run();
}

}  // namespace ddim::cli
