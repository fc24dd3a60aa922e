#include "model/weight_choice.h"

#include <algorithm>
#include <cctype>
#include <ranges>
#include <set>

#include "base/error.h"

namespace ddim::engine::model {
namespace {

constexpr std::string_view kAverageWords[] = {"ema", "average", "averaged", "averages",
                                              "avg", "shadow",  "swa",      "polyak"};
/// Beside an average, or of it: "non_ema", "ema.online_model" of ema-pytorch.
constexpr std::string_view kTrainedWords[] = {"non", "not", "no", "online", "raw"};

/// "emaModel_2" -> ema, model
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  char previous = '_';
  for (const char c : text) {
    const bool is_letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
    const bool begins = std::isalpha(static_cast<unsigned char>(previous)) == 0 ||
                        (std::isupper(static_cast<unsigned char>(c)) != 0 &&
                         std::islower(static_cast<unsigned char>(previous)) != 0);
    if (is_letter && begins) words.emplace_back();
    if (is_letter) words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    previous = c;
  }
  return words;
}

bool has_word(const std::vector<std::string>& words, std::span<const std::string_view> wanted) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return std::ranges::find(wanted, word) != wanted.end();
  });
}

/// Whether a place is called an average: the innermost key that says anything decides.
bool is_average(std::string_view place) {
  while (!place.empty()) {
    const std::size_t dot = place.rfind('.');
    const std::vector<std::string> words =
        words_of(dot == std::string_view::npos ? place : place.substr(dot + 1));
    if (has_word(words, kTrainedWords)) return false;
    if (has_word(words, kAverageWords)) return true;
    place = dot == std::string_view::npos ? "" : place.substr(0, dot);
  }
  return false;
}

/// A network in a dictionary.
struct Found {
  const TensorDictionary* dictionary;
  std::string prefix;  ///< "module."

  /// "ema.module": the keys, and the prefix as one more.
  std::string place() const {
    const std::string_view inner = std::string_view(prefix).substr(0, prefix.rfind('.'));
    return concat(dictionary->place, dictionary->place.empty() || inner.empty() ? "" : ".", inner);
  }
  std::string quoted_place() const {
    return place().empty() ? "the outermost one" : io::display_name(place());
  }
  std::ptrdiff_t depth() const { return place().empty() ? -1 : std::ranges::count(place(), '.'); }
};

std::vector<Found> networks_in(const std::vector<TensorDictionary>& dictionaries) {
  std::vector<Found> networks;
  for (const TensorDictionary& dictionary : dictionaries) {
    std::set<std::string> prefixes;
    for (const io::TensorEntry& entry : dictionary.tensors.entries()) {
      const auto prefix = prefix_before_anchor(entry.name);
      if (prefix && prefixes.insert(*prefix).second) networks.push_back({&dictionary, *prefix});
    }
  }
  return networks;
}

/// The network whose prefix is the longest that `name` begins with.
const Found* owner_of(std::string_view name, const TensorDictionary& dictionary,
                      const std::vector<Found>& networks) {
  const Found* owner = nullptr;
  for (const Found& found : networks) {
    const bool fits = found.dictionary == &dictionary && name.starts_with(found.prefix);
    if (fits && (owner == nullptr || found.prefix.size() > owner->prefix.size())) owner = &found;
  }
  return owner;
}

io::TensorTable weights_of(const Found& found, const std::vector<Found>& networks) {
  const io::TensorTable& all = found.dictionary->tensors;
  std::vector<io::TensorEntry> entries;
  for (io::TensorEntry entry : all.entries()) {
    if (owner_of(entry.name, *found.dictionary, networks) != &found) continue;
    entry.name.erase(0, found.prefix.size());
    entries.push_back(std::move(entry));
  }
  return {all.path(), all.files(), std::move(entries)};
}

/// "3 tensors that are not the network's ("a", "b", "c")"
std::string counted(const char* one, const char* many, const std::vector<std::string>& names) {
  constexpr std::size_t kMaxShown = 5;
  return concat(names.size(), " ", names.size() == 1 ? one : many, " (",
                join(names | std::views::take(kMaxShown), ", "),
                names.size() > kMaxShown ? ", ...)" : ")");
}

/// Tensors beside the networks in the dictionaries that something was taken from.
std::vector<std::string> strays(const std::vector<const Found*>& taken,
                                const std::vector<Found>& networks) {
  std::vector<std::string> names;
  std::set<const TensorDictionary*> seen;
  for (const Found* found : taken) {
    if (!seen.insert(found->dictionary).second) continue;
    for (const io::TensorEntry& entry : found->dictionary->tensors.entries())
      if (owner_of(entry.name, *found->dictionary, networks) == nullptr)
        names.push_back(io::display_name(entry.name));
  }
  return names;
}

std::vector<std::string> notes_on(const Found& weights, const Found* trained,
                                  const std::vector<Found>& networks) {
  std::vector<std::string> notes;
  if (trained != nullptr) {
    notes.push_back(concat("two sets of weights: ", weights.quoted_place(),
                           " is the moving average, ", trained->quoted_place(),
                           " as trained; choose the weights ema (the default) or raw"));
  } else if (!weights.place().empty()) {
    notes.push_back(concat("the weights are those in ", weights.quoted_place(),
                           is_average(weights.place()) ? ", a moving average" : ""));
  }
  std::vector<const Found*> taken{&weights};
  if (trained != nullptr) taken.push_back(trained);
  std::vector<std::string> others;
  for (const Found& found : networks)
    if (std::ranges::find(taken, &found) == taken.end()) others.push_back(found.quoted_place());
  if (!others.empty())
    notes.push_back("left out: " +
                    counted("other set of weights", "other sets of weights", others));
  const std::vector<std::string> names = strays(taken, networks);
  if (!names.empty())
    notes.push_back("left out: " + counted("tensor that is not the network's",
                                           "tensors that are not the network's", names));
  return notes;
}

}  // namespace

std::optional<std::string> prefix_before_anchor(std::string_view name) {
  for (const std::string_view anchor : {kOfficialAnchor, kDiffusersAnchor}) {
    if (!name.ends_with(anchor)) continue;
    const std::string_view prefix = name.substr(0, name.size() - anchor.size());
    if (prefix.empty() || prefix.ends_with('.')) return std::string(prefix);
  }
  return std::nullopt;
}

std::vector<io::TensorTable> networks_of(const std::vector<TensorDictionary>& dictionaries) {
  const std::vector<Found> networks = networks_in(dictionaries);
  std::vector<io::TensorTable> tables;
  for (const Found& found : networks) tables.push_back(weights_of(found, networks));
  return tables;
}

ChosenWeights choose_weights(const std::vector<TensorDictionary>& dictionaries) {
  ensure(!dictionaries.empty(), "choose_weights: no dictionary");
  const std::vector<Found> networks = networks_in(dictionaries);
  if (networks.empty()) return {.weights = dictionaries.front().tensors};
  const auto outermost = [&](bool average) {
    const Found* best = nullptr;
    for (const Found& found : networks) {
      if (is_average(found.place()) != average) continue;
      if (best == nullptr || found.depth() < best->depth()) best = &found;
    }
    return best;
  };
  const Found* const average = outermost(true);
  const Found* const plain = outermost(false);
  const Found& weights = average != nullptr ? *average : *plain;
  const Found* const trained = average != nullptr ? plain : nullptr;
  ChosenWeights chosen{.weights = weights_of(weights, networks),
                       .notes = notes_on(weights, trained, networks)};
  if (trained != nullptr) chosen.trained = weights_of(*trained, networks);
  return chosen;
}

}  // namespace ddim::engine::model
