#include "train/train_config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include "base/error.h"
#include "diffusion/schedule.h"
#include "nn/unet_config.h"
#include "train/rules.h"

namespace ddim::train {
namespace {

/// The classes of the data that a network knows, without the null class.
std::int64_t num_real_classes(const UNetConfig& model) {
  return model.null_class.value_or(model.num_class_embeds.value_or(0));
}

void set_classes(UNetConfig& model, std::int64_t num_classes, double label_dropout) {
  if (num_classes == 0) return;
  const bool has_null_class = label_dropout > 0.0;
  model.class_embed_type = ClassEmbedType::lookup;
  model.num_class_embeds = num_classes + (has_null_class ? 1 : 0);
  if (has_null_class) model.null_class = num_classes;
}

/// The one description of the file: every section, key and range. `Visitor` reads them from a file
/// or writes them down.
template <class Visitor>
void describe(TrainConfig& config, Visitor& visit) {
  constexpr std::int64_t kMaxSteps = (std::int64_t{1} << 31) - 1;
  constexpr double kSmallest = std::numeric_limits<double>::min();

  visit.section("model");
  UNetConfig& model = config.model;
  visit.integer("channels", model.in_channels, 1, 64);
  model.out_channels = model.in_channels;
  visit.integers("block_out_channels", model.block_out_channels, 1, 65536);
  visit.integer("layers_per_block", model.layers_per_block, 1, 64);
  visit.integers("attention_levels", model.attention_levels, 0, 63);
  visit.integer("norm_num_groups", model.norm_num_groups, 1, 65536);
  visit.number("norm_eps", model.norm_eps, kSmallest, 1.0);
  visit.number("dropout", model.dropout, 0.0, 0.99);
  std::int64_t head_dim = model.attention_head_dim.value_or(0);  // 0 = one head
  visit.integer("attention_head_dim", head_dim, 0, 65536);
  if (head_dim != 0) model.attention_head_dim = head_dim;
  visit.integer("downsample_padding", model.downsample_padding, 0, 1);
  visit.flag("flip_sin_to_cos", model.flip_sin_to_cos);
  visit.integer("freq_shift", model.freq_shift, 0, 1);
  visit.choice("act_fn", model.act_fn);
  visit.choice("resnet_time_scale_shift", model.resnet_time_scale_shift);
  std::int64_t num_classes = num_real_classes(model);
  visit.integer("num_classes", num_classes, 0, 1000000);

  visit.section("diffusion");
  visit.choice("schedule", config.diffusion.schedule);
  visit.number("beta_start", config.diffusion.beta_start, kSmallest, 0.999);
  visit.number("beta_end", config.diffusion.beta_end, kSmallest, 0.999);
  visit.integer("T", config.diffusion.T, 1, 1000000);
  visit.numbers("betas", config.diffusion.betas, kSmallest, 0.999);
  bool zero_terminal_snr = config.diffusion.terminal_snr == TerminalSnr::zero;
  visit.flag("zero_terminal_snr", zero_terminal_snr);
  config.diffusion.terminal_snr = zero_terminal_snr ? TerminalSnr::zero : TerminalSnr::as_is;
  visit.choice("prediction", config.diffusion.prediction);

  visit.section("data");
  visit.size("resolution", model.sample_size, model.sample_width, 1, 4096);
  visit.choice("split", config.data.split);
  visit.choice("fit", config.data.fit);
  visit.flag("flip", config.data.flip);
  visit.flag("skip_corrupt", config.data.skip_corrupt);

  visit.section("training");
  OptimisationConfig& training = config.training;
  visit.integer("batch", training.batch, 1, 65536);
  visit.integer("shards", training.shards, 1, 1024);
  visit.integer("steps", training.steps, 1, kMaxSteps);
  visit.number("learning_rate", training.learning_rate, kSmallest, 1e6);
  visit.integer("warmup_steps", training.warmup_steps, 0, kMaxSteps);
  visit.choice("decay", training.decay);
  visit.integer("decay_steps", training.decay_steps, 0, kMaxSteps);
  visit.number("learning_rate_final", training.learning_rate_final, 0.0, 1e6);
  constexpr double kBelowOne = 1.0 - std::numeric_limits<double>::epsilon();
  visit.number("beta1", training.beta1, 0.0, kBelowOne);
  visit.number("beta2", training.beta2, 0.0, kBelowOne);
  visit.number("epsilon", training.epsilon, kSmallest, 1.0);
  visit.number("clip_norm", training.clip_norm, 0.0, 1e30);
  visit.choice("loss", training.loss);
  visit.number("ema_decay", training.ema_decay, 0.0, kBelowOne);
  visit.flag("ema_warmup", training.ema_warmup);
  visit.number("label_dropout", training.label_dropout, 0.0, kBelowOne);
  set_classes(model, num_classes, training.label_dropout);
  visit.choice("initialisation", training.initialisation);
  visit.choice("precision", training.precision);
  visit.integer("seed", training.seed, 0, std::numeric_limits<std::int64_t>::max());
  visit.integer("threads", training.threads, 0, 1024);

  visit.section("output");
  OutputConfig& output = config.output;
  visit.integer("checkpoint_every_steps", output.checkpoint_every_steps, 1, kMaxSteps);
  visit.integer("keep_checkpoints", output.keep_checkpoints, 2, 1000000);
  visit.integer("log_every_steps", output.log_every_steps, 1, kMaxSteps);
  visit.integer("sample_every_steps", output.sample_every_steps, 0, kMaxSteps);
  visit.integer("sample_count", output.sample_count, 1, 10000);
  visit.integer("sample_steps", output.sample_steps, 1, 1000000);
}

/// Takes values from a parsed file, and finds what it does not know.
class Reader {
 public:
  Reader(const toml::table& root, std::string_view file) : root_(root), file_(file) {}

  void section(std::string_view name) {
    section_ = name;
    known_sections_.emplace(name);
    const toml::node* node = root_.get(name);
    if (node != nullptr && !node->is_table()) reject(*node, name, "must be a section");
    table_ = node == nullptr ? nullptr : node->as_table();
  }
  void integer(std::string_view key, std::int64_t& value, std::int64_t min, std::int64_t max) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_integer()) reject(*node, full(key), "must be a whole number");
    value = in_range(*node, key, **node->as_integer(), min, max);
  }
  void number(std::string_view key, double& value, double min, double max) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_number()) reject(*node, full(key), "must be a number");
    value = in_range(*node, key, *node->value<double>(), min, max);
  }
  void flag(std::string_view key, bool& value) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) reject(*node, full(key), "must be true or false");
    value = **node->as_boolean();
  }
  /// One number for both sides, or [height, width].
  void size(std::string_view key, std::int64_t& height, std::optional<std::int64_t>& width,
            std::int64_t min, std::int64_t max) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array()) {
      if (!node->is_integer())
        reject(*node, full(key), "must be a whole number or [height, width]");
      height = in_range(*node, key, **node->as_integer(), min, max);
      width.reset();
      return;
    }
    const toml::array& sides = *node->as_array();
    if (sides.size() != 2 || !sides[0].is_integer() || !sides[1].is_integer())
      reject(*node, full(key), "must be a whole number or [height, width]");
    height = in_range(sides[0], key, **sides[0].as_integer(), min, max);
    const std::int64_t second = in_range(sides[1], key, **sides[1].as_integer(), min, max);
    width = second == height ? std::nullopt : std::optional(second);
  }
  template <HasNames Enum>
  void choice(std::string_view key, Enum& value) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto named = node->is_string() ? value_named<Enum>(**node->as_string()) : std::nullopt;
    if (named) {
      value = *named;
      return;
    }
    std::string wanted;
    for (const Named<Enum>& entry : Names<Enum>::all())
      wanted += concat(wanted.empty() ? "" : " or ", '"', entry.name, '"');
    reject(*node, full(key), "must be " + wanted);
  }
  void integers(std::string_view key, std::vector<std::int64_t>& values, std::int64_t min,
                std::int64_t max) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array()) reject(*node, full(key), "must be a list of whole numbers");
    values.clear();
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_integer()) reject(element, full(key), "must hold whole numbers only");
      values.push_back(in_range(element, key, **element.as_integer(), min, max));
    }
  }
  void numbers(std::string_view key, std::vector<double>& values, double min, double max) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array()) reject(*node, full(key), "must be a list of numbers");
    values.clear();
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_number()) reject(element, full(key), "must hold numbers only");
      values.push_back(in_range(element, key, *element.value<double>(), min, max));
    }
  }

  void refuse_unknown() const {
    for (const auto& [name, node] : root_) {
      if (!known_sections_.contains(name.str()))
        reject(node, name.str(), "is not known; sections are" + listed(known_sections_, ""));
      for (const auto& [key, value] : *node.as_table()) {
        const std::string full_name = concat(name.str(), ".", key.str());
        if (!known_keys_.contains(full_name))
          reject(value, full_name,
                 concat("is not known; keys of [", name.str(), "] are",
                        listed(known_keys_, concat(name.str(), "."))));
      }
    }
  }

 private:
  const toml::node* find(std::string_view key) {
    known_keys_.insert(full(key));
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  std::string full(std::string_view key) const { return concat(section_, ".", key); }
  [[noreturn]] void reject(const toml::node& node, std::string_view key,
                           const std::string& what) const {
    std::ostringstream found;
    if (!node.is_table()) found << ", found " << toml::node_view<const toml::node>(node);
    fail(ErrorCode::user, file_, ":", node.source().begin.line, ": ", key, " ", what, found.str());
  }
  template <class Number>
  Number in_range(const toml::node& node, std::string_view key, Number value, Number min,
                  Number max) const {
    if (!(value >= min && value <= max))
      reject(node, full(key), concat("must be in ", min, " .. ", max));
    return value;
  }
  template <class Set>
  static std::string listed(const Set& names, std::string_view prefix) {
    std::string text;
    for (const auto& name : names) {
      if (std::string_view(name).starts_with(prefix))
        text += concat(text.empty() ? " " : ", ", std::string_view(name).substr(prefix.size()));
    }
    return text;
  }

  const toml::table& root_;
  std::string file_;
  std::string section_;
  const toml::table* table_ = nullptr;
  std::set<std::string, std::less<>> known_sections_;
  std::set<std::string, std::less<>> known_keys_;
};

void validate(const ForwardProcess& process) {
  require(process.beta_start <= process.beta_end, "diffusion.beta_start (", process.beta_start,
          ") must not be above beta_end (", process.beta_end, ")");
  const bool is_list = process.schedule == BetaKind::list;
  require(is_list || process.betas.empty(),
          "diffusion.betas holds numbers, but diffusion.schedule is \"",
          to_string(process.schedule), "\"; it would have to be \"list\"");
  require(!is_list || std::ssize(process.betas) == process.T, "diffusion.betas holds ",
          process.betas.size(), " numbers, but diffusion.T is ", process.T);
  require(process.terminal_snr == TerminalSnr::as_is || process.prediction != Prediction::eps,
          "diffusion.zero_terminal_snr leaves nothing of the image at T, where a network that "
          "predicts eps learns nothing; set diffusion.prediction to \"v\" or \"x0\"");
  try {
    diffusion::make_schedule(process);
  } catch (const Error& error) {
    fail(error.code(), "diffusion: ", error.what());
  }
}

/// The configuration as text, key by key.
struct Entry {
  std::string section, key, value;
};

class Writer {
 public:
  const std::vector<Entry>& entries() const { return entries_; }

  void section(std::string_view name) { section_ = name; }
  void integer(std::string_view key, std::int64_t value, std::int64_t, std::int64_t) {
    add(key, std::to_string(value));
  }
  void number(std::string_view key, double value, double, double) { add(key, exact(value)); }
  void flag(std::string_view key, bool value) { add(key, value ? "true" : "false"); }
  void size(std::string_view key, std::int64_t height, std::optional<std::int64_t> width,
            std::int64_t, std::int64_t) {
    add(key, width ? concat("[", height, ", ", *width, "]") : std::to_string(height));
  }
  template <HasNames Enum>
  void choice(std::string_view key, Enum value) {
    add(key, concat('"', to_string(value), '"'));
  }
  void integers(std::string_view key, const std::vector<std::int64_t>& values, std::int64_t,
                std::int64_t) {
    std::string text;
    for (const std::int64_t value : values) text += concat(text.empty() ? "" : ", ", value);
    add(key, "[" + text + "]");
  }
  void numbers(std::string_view key, const std::vector<double>& values, double, double) {
    std::string text;
    for (const double value : values) text += concat(text.empty() ? "" : ", ", exact(value));
    add(key, "[" + text + "]");
  }

 private:
  /// The shortest decimal that reads back as the same double, with a point.
  static std::string exact(double value) {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    std::string digits(text.data(), end);
    if (digits.find_first_of(".en") == std::string::npos) digits += ".0";
    return digits;
  }
  void add(std::string_view key, std::string value) {
    entries_.push_back({section_, std::string(key), std::move(value)});
  }
  std::string section_;
  std::vector<Entry> entries_;
};

std::vector<Entry> entries_of(TrainConfig config) {
  Writer writer;
  describe(config, writer);
  return writer.entries();
}

}  // namespace

TrainConfig parse_train_config(std::string_view toml, std::string_view file_name) {
  TrainConfig config;
  try {
    const toml::table root = toml::parse(toml, file_name);
    Reader reader(root, file_name);
    describe(config, reader);
    reader.refuse_unknown();
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::user, file_name, ":", error.source().begin.line, ": ", error.description());
  }
  try {
    validate(config);
  } catch (const Error& error) {
    fail(error.code(), file_name, ": ", error.what());
  }
  return config;
}

void validate(const TrainConfig& config) {
  const OptimisationConfig& training = config.training;
  ddim::validate(config.model);
  validate(config.diffusion);
  require(training.label_dropout == 0.0 || config.model.null_class, "training.label_dropout (",
          training.label_dropout, ") must be 0 for a network without classes (model.num_classes)");
  require(training.batch % training.shards == 0, "training.batch (", training.batch,
          ") must be a multiple of training.shards (", training.shards, ")");
  require(training.decay == Decay::constant || training.warmup_steps < training.steps,
          "training.warmup_steps (", training.warmup_steps, ") must be below training.steps (",
          training.steps, ") when decay is \"cosine\"");
  require(training.decay == Decay::constant ||
              training.decay_steps <= training.steps - training.warmup_steps,
          "training.decay_steps (", training.decay_steps, ") must not be above steps (",
          training.steps, ") less warmup_steps (", training.warmup_steps, ")");
  require(training.learning_rate_final <= training.learning_rate, "training.learning_rate_final (",
          training.learning_rate_final, ") must not be above learning_rate (",
          training.learning_rate, ")");
  require(config.output.sample_every_steps == 0 || config.output.sample_steps <= config.diffusion.T,
          "output.sample_steps (", config.output.sample_steps, ") must not be above diffusion.T (",
          config.diffusion.T, ")");
}

std::vector<std::string> differences(const TrainConfig& now, const TrainConfig& before,
                                     std::int64_t steps_done) {
  constexpr std::array<std::string_view, 6> kLearningRateKeys{
      "training.steps", "training.learning_rate", "training.warmup_steps",
      "training.decay", "training.decay_steps",   "training.learning_rate_final"};
  bool same_learning_rates = true;
  for (std::int64_t step = 0; step < steps_done; ++step) {
    same_learning_rates &=
        learning_rate_at(now.training, step) == learning_rate_at(before.training, step);
  }
  const std::vector<Entry> a = entries_of(now);
  const std::vector<Entry> b = entries_of(before);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string name = concat(a[i].section, ".", a[i].key);
    const bool harmless = a[i].section == "output" || name == "training.threads" ||
                          name == "data.skip_corrupt" ||
                          (same_learning_rates && std::ranges::count(kLearningRateKeys, name) > 0);
    if (!harmless && a[i].value != b[i].value)
      result.push_back(concat(name, " is ", a[i].value, ", the checkpoint has ", b[i].value));
  }
  return result;
}

}  // namespace ddim::train

namespace ddim {

TrainConfig load_train_config(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(ErrorCode::io, file.string(), ": cannot be opened");
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (stream.bad()) fail(ErrorCode::io, file.string(), ": cannot be read");
  return train::parse_train_config(text, file.string());
}

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

}  // namespace ddim
