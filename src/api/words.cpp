#include <ddim/words.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace ddim {

using namespace engine;
namespace {

/// Edits that turn one word into the other: letters put in, left out or replaced.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(const std::string& word, const std::vector<std::string>& words) {
  constexpr std::size_t kNear = 2;
  const auto nearest = std::ranges::min_element(
      words, {}, [&](const std::string& candidate) { return distance(word, candidate); });
  if (nearest == words.end()) return "";
  const std::size_t edits = distance(word, *nearest);
  if (edits > kNear || edits >= nearest->size()) return "";  // "x" is not near "f32"
  return concat("; did you mean ", *nearest, "?");
}

std::string problem_of_word(const std::string& word, const std::vector<std::string>& words) {
  if (std::ranges::find(words, word) != words.end()) return "";
  const std::string guess = suggestion(word, words);
  return concat("unknown value \"", word, "\"", guess.empty() ? "; choose" : guess + " Choose",
                " one of ", join(words, ", "));
}

}  // namespace ddim
