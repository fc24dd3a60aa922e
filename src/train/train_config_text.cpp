#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "train/config_changes.h"
#include "train/rules.h"
#include "train/train_config.h"
#include "train/train_config_keys.h"

namespace ddim::engine::train {
namespace {

/// The configuration as text, key by key.
struct Entry {
  std::string section, key, value;
  std::string kind, text;  // for people
};

class Writer {
 public:
  const std::vector<Entry>& entries() const { return entries_; }

  void section(std::string_view name) { section_ = name; }
  void integer(std::string_view key, std::int64_t value, std::int64_t min, std::int64_t max,
               std::string_view text) {
    add(key, std::to_string(value), concat("whole number, ", range(min, max)), text);
  }
  void number(std::string_view key, double value, double min, double max, std::string_view text) {
    add(key, toml_number(value), concat("number, ", range(min, max)), text);
  }
  void flag(std::string_view key, bool value, std::string_view text) {
    add(key, value ? "true" : "false", "true or false", text);
  }
  void colour(std::string_view key, const Colour& value, std::string_view text) {
    add(key, concat('"', to_string(value), '"'), "white, black, grey or #rrggbb", text);
  }
  void size(std::string_view key, std::int64_t height, std::optional<std::int64_t> width,
            std::int64_t min, std::int64_t max, std::string_view text) {
    add(key, width ? concat("[", height, ", ", *width, "]") : std::to_string(height),
        concat("one or two whole numbers, ", range(min, max)), text);
  }
  template <HasNames Enum>
  void choice(std::string_view key, Enum value, std::string_view text) {
    std::string kind;
    for (const Named<Enum>& entry : Names<Enum>::all())
      kind += concat(kind.empty() ? "" : ", ", '"', entry.name, '"');
    add(key, concat('"', to_string(value), '"'), kind, text);
  }
  void text(std::string_view key, std::string_view value, std::string_view explanation) {
    add(key, toml_text(value), "text", explanation);
  }
  void share_or_text(std::string_view key, double share, std::string_view value, double max,
                     std::string_view explanation) {
    add(key, value.empty() ? toml_number(share) : toml_text(value),
        concat("number, ", range(0.0, max), ", or text"), explanation);
  }
  void integers(std::string_view key, const std::vector<std::int64_t>& values, std::int64_t min,
                std::int64_t max, std::string_view explanation) {
    std::string text;
    for (const std::int64_t value : values) text += concat(text.empty() ? "" : ", ", value);
    add(key, "[" + text + "]", concat("list of whole numbers, ", range(min, max)), explanation);
  }
  void numbers(std::string_view key, const std::vector<double>& values, double min, double max,
               std::string_view explanation) {
    std::string text;
    for (const double value : values) text += concat(text.empty() ? "" : ", ", toml_number(value));
    add(key, "[" + text + "]", concat("list of numbers, ", range(min, max)), explanation);
  }

 private:
  static std::string range(std::int64_t min, std::int64_t max) { return concat(min, " to ", max); }
  static std::string range(double min, double max) {
    const bool above_0 = min == kAboveZero;
    const bool below_1 = max == kBelowOne;
    return concat(above_0 ? "above 0" : concat("from ", min),
                  below_1 ? " and below 1" : concat(" up to ", max));
  }
  void add(std::string_view key, std::string value, std::string kind, std::string_view text) {
    entries_.push_back(
        {section_, std::string(key), std::move(value), std::move(kind), std::string(text)});
  }
  std::string section_;
  std::vector<Entry> entries_;
};

std::vector<Entry> entries_of(TrainConfig config) {
  Writer writer;
  describe(config, writer);
  return writer.entries();
}

/// Calls visit(key, member of OptimisationConfig) for each key that sets the learning rate.
template <class Visit>
void for_each_learning_rate_key(const Visit& visit) {
  visit("training.steps", &OptimisationConfig::steps);
  visit("training.learning_rate", &OptimisationConfig::learning_rate);
  visit("training.warmup_steps", &OptimisationConfig::warmup_steps);
  visit("training.decay", &OptimisationConfig::decay);
  visit("training.decay_steps", &OptimisationConfig::decay_steps);
  visit("training.learning_rate_final", &OptimisationConfig::learning_rate_final);
}
bool sets_learning_rate(std::string_view key) {
  bool found = false;
  for_each_learning_rate_key([&](std::string_view each, auto) { found |= each == key; });
  return found;
}
constexpr std::array<std::string_view, 6> kUpdateKeys{
    "training.clip_norm", "training.skip_spikes", "training.weight_decay",
    "training.ema_decay", "training.ema_warmup",  "training.reduce"};

/// What decides no number of the result.
bool is_harmless(std::string_view key) {
  return key.starts_with("output.") || key == "training.threads" || key == "data.skip_corrupt";
}

}  // namespace

std::string toml_text(std::string_view text) {
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += letter;
  }
  return result + '"';
}

std::string toml_number(double value) {
  std::string digits = number_text(value);
  if (digits.find_first_of(".en") == std::string::npos) digits += ".0";
  return digits;
}

std::string value_of_key(const TrainConfig& config, std::string_view key) {
  for (const Entry& entry : entries_of(config))
    if (concat(entry.section, ".", entry.key) == key) return entry.value;
  fail(ErrorCode::user, "train: unknown key ", key);
}

std::vector<std::string> without_effect(const TrainConfig& config) {
  const BetaKind schedule = config.diffusion.schedule;
  const struct {
    bool holds;
    std::string reason;
    std::vector<std::string_view> keys;
  } rules[] = {
      {config.training.decay == Decay::constant,
       "while training.decay is \"constant\"",
       {"training.decay_steps", "training.learning_rate_final"}},
      {!config.data.validation.enabled(),
       "without data.validation",
       {"output.validate_every_steps", "output.validation_count"}},
      {config.output.evaluate_every_steps == 0,
       "while output.evaluate_every_steps is 0",
       {"output.evaluate_count", "output.evaluate_steps"}},
      {config.output.sample_every_steps == 0,
       "while output.sample_every_steps is 0",
       {"output.sample_count", "output.sample_steps", "output.sample_clip"}},
      {schedule == BetaKind::cosine || schedule == BetaKind::list,
       concat("while diffusion.schedule is \"", to_string(schedule), "\""),
       {"diffusion.beta_start", "diffusion.beta_end"}},
  };
  std::vector<std::string> lines;
  for (const auto& rule : rules) {
    if (!rule.holds) continue;
    for (const std::string_view key : rule.keys)
      if (const std::string value = value_of_key(config, key); value != value_of_key({}, key))
        lines.push_back(concat(key, " = ", value, " has no effect ", rule.reason));
  }
  return lines;
}

bool may_change_in_a_run(std::string_view key) {
  return is_harmless(key) || sets_learning_rate(key) || std::ranges::count(kUpdateKeys, key) > 0;
}

std::vector<ConfigChange> changes_between(const TrainConfig& before, const TrainConfig& after,
                                          std::int64_t step) {
  const std::vector<Entry> a = entries_of(before), b = entries_of(after);
  std::vector<ConfigChange> changes;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string key = concat(a[i].section, ".", a[i].key);
    if (a[i].value != b[i].value && may_change_in_a_run(key) && !is_harmless(key))
      changes.push_back({.step = step, .key = key, .before = a[i].value, .after = b[i].value});
  }
  return changes;
}

void accept_named(const std::vector<std::string>& overrides, const TrainConfig& config,
                  AcceptedChanges& accepted) {
  for (const Entry& entry : entries_of(config)) {
    const std::string key = concat(entry.section, ".", entry.key);
    if (std::ranges::count(overrides, key, key_of_override) > 0) accepted[key] = entry.value;
  }
}

void accept_all(const TrainConfig& config, AcceptedChanges& accepted) {
  for (const Entry& entry : entries_of(config)) {
    const std::string key = concat(entry.section, ".", entry.key);
    if (may_change_in_a_run(key)) accepted[key] = entry.value;
  }
}

std::vector<std::string> differences(const TrainConfig& now, const TrainConfig& before,
                                     std::int64_t steps_done, const AcceptedChanges& accepted) {
  const std::vector<Entry> a = entries_of(now);
  const std::vector<Entry> b = entries_of(before);
  std::set<std::string, std::less<>> from_here_on;  // what a user gave another value
  for (const Entry& entry : a) {
    const std::string name = concat(entry.section, ".", entry.key);
    const auto change = accepted.find(name);
    if (change != accepted.end() && change->second == entry.value) from_here_on.insert(name);
  }
  // The other keys are to leave the past as it was, beside what counts from here on only.
  OptimisationConfig others = now.training;
  for_each_learning_rate_key([&](std::string_view key, auto member) {
    if (from_here_on.contains(key)) others.*member = before.training.*member;
  });
  const auto are_rates_of_the_past = [&](const OptimisationConfig& training) {
    for (std::int64_t step = 0; step < steps_done; ++step)
      if (learning_rate_at(training, step) != learning_rate_at(before.training, step)) return false;
    return true;
  };
  const bool same_learning_rates =
      are_rates_of_the_past(now.training) || are_rates_of_the_past(others);
  // The training pictures that are left depend on a share.
  const bool same_training_pictures = now.data.validation.share == before.data.validation.share;
  std::vector<std::string> result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string name = concat(a[i].section, ".", a[i].key);
    const bool harmless = is_harmless(name) || from_here_on.contains(name) ||
                          (name == "data.validation" && same_training_pictures) ||
                          (same_learning_rates && sets_learning_rate(name));
    if (!harmless && a[i].value != b[i].value)
      result.push_back(concat(name, " is ", a[i].value, ", the checkpoint has ", b[i].value));
  }
  return result;
}

}  // namespace ddim::engine::train

namespace ddim {

using namespace engine;

std::string to_toml(const TrainConfig& config) {
  std::string text;
  std::string section;
  for (const train::Entry& entry : train::entries_of(config)) {
    if (entry.section != section) {
      text += concat(section.empty() ? "" : "\n", "[", entry.section, "]\n");
      section = entry.section;
    }
    text += concat(entry.key, " = ", entry.value, "\n");
  }
  return text;
}

std::string train_config_reference() {
  std::string text;
  std::string section;
  for (const train::Entry& entry : train::entries_of({})) {
    if (entry.section != section) {
      text += concat(section.empty() ? "" : "\n", "## [", entry.section, "]\n\n",
                     "| key | default | values | meaning |\n|---|---|---|---|\n");
      section = entry.section;
    }
    text += concat("| `", entry.key, "` | `", entry.value, "` | ", entry.kind, " | ", entry.text,
                   " |\n");
  }
  return text;
}

}  // namespace ddim
