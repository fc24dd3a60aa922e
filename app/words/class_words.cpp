#include "class_words.h"

#include <ddim/error.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "printable.h"
#include "suggestion.h"
#include "whole_number.h"

namespace ddim {
namespace {

/// All but the null class.
void add_all_classes(const ModelInfo& info, ClassChoice& choice) {
  const std::optional<std::int64_t> null_class =
      choice.null_class ? choice.null_class : info.null_class;
  for (std::int64_t k = 0; k < info.num_classes; ++k)
    if (k != null_class) choice.classes.push_back(k);
}

void add_named_class(const ModelInfo& info, const std::string& name, const std::string& cause,
                     ClassChoice& choice) {
  const std::vector<std::string>& names = info.class_names;
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return choice.classes.push_back(found - names.begin());
  const std::string numbers = fmt::format("numbers from 0 to {}, or all", info.num_classes - 1);
  constexpr std::size_t kLongestShown = 60;
  const std::string shown = printable(name.substr(0, kLongestShown));
  if (names.empty()) {
    throw Error(ErrorCode::user, fmt::format("{}: \"{}\" is not a number, and the classes of this "
                                             "model have no names; give {}",
                                             cause, shown, numbers));
  }
  constexpr std::size_t kMostShown = 20;
  const std::string all = names.size() > kMostShown
                              ? "the names that ddim info prints"
                              : printable(fmt::format("{}", fmt::join(names, ", ")));
  const std::string guess = suggestion(shown, names);
  throw Error(ErrorCode::user,
              fmt::format("{}: this model has no class \"{}\"{} {} {}, or {}", cause, shown,
                          guess.empty() ? ";" : printable(guess),
                          guess.empty() ? "choose from" : "Choose from", all, numbers));
}

}  // namespace

void add_classes(const std::string& word, const ModelInfo& info, const std::string& cause,
                 ClassChoice& choice) {
  if (const auto number = whole_number<std::int64_t>(word)) {
    choice.classes.push_back(*number);
  } else if (info.num_classes == 0) {
    throw Error(ErrorCode::user, fmt::format("{} {}: this model has no classes; leave it out",
                                             cause, printable(word)));
  } else if (word == "all") {
    add_all_classes(info, choice);
  } else {
    add_named_class(info, word, cause, choice);
  }
}

}  // namespace ddim
