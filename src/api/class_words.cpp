#include "api/class_words.h"

#include <ddim/error.h>
#include <ddim/words.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace ddim {

using namespace engine;
namespace {

/// What a model without a table of classes is told in place of a name.
const char* what_is_taken(const ModelInfo& info) {
  switch (info.class_embed_type) {
    case ClassEmbedType::timestep:
      return "this model is told a number for each picture, which has no names; give whole numbers";
    case ClassEmbedType::identity:
      return "this model is told a vector for each picture, which only the library can give "
             "(ClassChoice::vectors)";
    default:
      return "this model has no classes; leave it out";
  }
}

void add_named_class(const ModelInfo& info, const std::string& name, const std::string& cause,
                     ClassChoice& choice) {
  const std::vector<std::string>& names = info.class_names;
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return choice.classes.push_back(found - names.begin());
  const std::string numbers = concat("numbers from 0 to ", info.num_classes - 1, ", or all");
  constexpr std::size_t kLongestShown = 60;
  const std::string shown = printable(name.substr(0, kLongestShown));
  require(!names.empty(), cause, ": \"", shown,
          "\" is not a number, and the classes of this model have no names; give ", numbers);
  constexpr std::size_t kMostShown = 20;
  const std::string all =
      names.size() > kMostShown ? "the names that ddim info prints" : printable(join(names, ", "));
  const std::string guess = suggestion(shown, names);
  fail(ErrorCode::user, cause, ": this model has no class \"", shown, "\"",
       guess.empty() ? "; choose" : printable(guess) + " Choose", " from ", all, ", or ", numbers);
}

}  // namespace

void add_all_classes(const ModelInfo& info, ClassChoice& choice) {
  const std::optional<std::int64_t> null_class =
      choice.null_class ? choice.null_class : info.null_class;
  for (std::int64_t k = 0; k < info.num_classes; ++k)
    if (k != null_class) choice.classes.push_back(k);
}

void add_classes(const std::string& word, const ModelInfo& info, const std::string& cause,
                 ClassChoice& choice) {
  if (const auto number = whole_number<std::int64_t>(word)) {
    choice.classes.push_back(*number);
  } else if (info.class_embed_type != ClassEmbedType::lookup) {
    fail(ErrorCode::user, cause, " ", printable(word), ": ", what_is_taken(info));
  } else if (word == "all") {
    add_all_classes(info, choice);
  } else {
    add_named_class(info, word, cause, choice);
  }
}

}  // namespace ddim
