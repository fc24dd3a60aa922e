#include "api/class_words.h"

#include <ddim/error.h>
#include <ddim/words.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace ddim {

using namespace engine;
namespace {

/// Before a name or a number that could be the other as well.
constexpr std::string_view kNameWord = "name:", kNumberWord = "number:";

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

/// The class of a name.
std::optional<std::int64_t> place_of(const std::string& name, const ModelInfo& info) {
  const auto found = std::ranges::find(info.class_names, name);
  if (found == info.class_names.end()) return std::nullopt;
  return found - info.class_names.begin();
}

void add_named_class(const ModelInfo& info, const std::string& name, const std::string& cause,
                     ClassChoice& choice) {
  const std::vector<std::string>& names = info.class_names;
  if (const auto place = place_of(name, info)) return choice.classes.push_back(*place);
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

/// Of "5" and "number:5".
std::optional<std::int64_t> number_in(const std::string& word) {
  return whole_number<std::int64_t>(word.starts_with(kNumberWord) ? word.substr(kNumberWord.size())
                                                                  : word);
}

bool is_number_of_another(std::int64_t index, const ModelInfo& info) {
  const auto number = whole_number<std::int64_t>(info.class_names[static_cast<std::size_t>(index)]);
  return number && *number != index && *number >= 0 && *number < info.num_classes;
}

}  // namespace

bool has_names_like_numbers(const ModelInfo& info) {
  for (std::int64_t k = 0; k < std::ssize(info.class_names); ++k)
    if (is_number_of_another(k, info)) return true;
  return false;
}

std::string words_of_class_numbers(const std::string& numbers) {
  if (numbers.find_first_not_of("0123456789,") != std::string::npos) return numbers;
  std::string words(kNumberWord);
  for (const char c : numbers) {
    words += c;
    if (c == ',') words += kNumberWord;
  }
  return words;
}

void add_all_classes(const ModelInfo& info, ClassChoice& choice) {
  const std::optional<std::int64_t> null_class =
      choice.null_class ? choice.null_class : info.null_class;
  for (std::int64_t k = 0; k < info.num_classes; ++k)
    if (k != null_class) choice.classes.push_back(k);
}

void add_classes(const std::string& word, const ModelInfo& info, const std::string& cause,
                 ClassChoice& choice) {
  if (const auto place = place_of(word, info)) {
    require(!is_number_of_another(*place, info), cause, ": ", printable(word),
            " is the name of class ", *place, " of this model and the number of another; give ",
            kNameWord, word, " or ", kNumberWord, word);
    choice.classes.push_back(*place);
  } else if (word.starts_with(kNameWord)) {
    add_named_class(info, word.substr(kNameWord.size()), cause, choice);
  } else if (const auto number = number_in(word)) {
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
