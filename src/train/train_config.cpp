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

namespace ddim::engine::train {
namespace {

constexpr std::int64_t kMaxPicturesPerStep = std::int64_t{1} << 24;

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
  visit.integer("channels", model.in_channels, 1, 64,
                "Channels of a picture: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA, or more");
  model.out_channels = model.in_channels;
  visit.integers("block_out_channels", model.block_out_channels, 1, 65536,
                 "Channels of each level, the finest first; each level halves height and width");
  visit.integer("layers_per_block", model.layers_per_block, 1, 64,
                "Residual blocks per level on the way down");
  visit.integers("attention_levels", model.attention_levels, 0, 63,
                 "Levels whose blocks have attention; 0 is the finest");
  visit.integer(
      "norm_num_groups", model.norm_num_groups, 1, 65536,
      "Groups of each group norm; every entry of block_out_channels must be a multiple of it");
  visit.number("norm_eps", model.norm_eps, kSmallest, 1.0, "Added to the variance in norms");
  visit.number("dropout", model.dropout, 0.0, 0.99, "Dropout probability in residual blocks");
  std::int64_t head_dim = model.attention_head_dim.value_or(0);  // 0 = one head
  visit.integer("attention_head_dim", head_dim, 0, 65536,
                "Channels of an attention head; 0 means one head");
  if (head_dim != 0) model.attention_head_dim = head_dim;
  visit.integer("downsample_padding", model.downsample_padding, 0, 1,
                "0 pads one row and column at the end, 1 pads every side");
  visit.flag("flip_sin_to_cos", model.flip_sin_to_cos,
             "Time embedding [cos, sin] instead of [sin, cos]");
  visit.integer("freq_shift", model.freq_shift, 0, 1,
                "Time embedding of size 2n: its frequencies are 10000^(-i / (n - freq_shift))");
  visit.choice("act_fn", model.act_fn, "Activation of the residual blocks");
  visit.choice("resnet_time_scale_shift", model.resnet_time_scale_shift,
               "How a residual block uses the time embedding: added, or as scale and shift");
  std::int64_t num_classes = num_real_classes(model);
  visit.integer("num_classes", num_classes, 0, 1000000,
                "Classes of the data; 0 for a network without classes");

  visit.section("diffusion");
  visit.choice("schedule", config.diffusion.schedule, "How the betas are spread over the steps");
  visit.number("beta_start", config.diffusion.beta_start, kSmallest, 0.999,
               "First beta of linear, scaled-linear and sigmoid");
  visit.number("beta_end", config.diffusion.beta_end, kSmallest, 0.999,
               "Last beta of linear, scaled-linear and sigmoid");
  visit.integer("T", config.diffusion.T, 1, 1000000, "Training steps of the forward process");
  visit.numbers("betas", config.diffusion.betas, kSmallest, 0.999,
                "The T betas of schedule \"list\"");
  bool zero_terminal_snr = config.diffusion.terminal_snr == TerminalSnr::zero;
  visit.flag("zero_terminal_snr", zero_terminal_snr,
             "Rescale the betas so that the last step is pure noise; not with prediction \"eps\"");
  config.diffusion.terminal_snr = zero_terminal_snr ? TerminalSnr::zero : TerminalSnr::as_is;
  visit.choice("prediction", config.diffusion.prediction, "What the network learns to predict");

  visit.section("data");
  visit.size("resolution", model.sample_size, model.sample_width, 1, 4096,
             "Size of the pictures: one number, or [height, width]; multiples of 2^(levels - 1)");
  visit.choice("split", config.data.split, "Which part of the data set to train on");
  visit.choice("fit", config.data.fit, "How pictures of another size are fitted");
  visit.flag("flip", config.data.flip, "Mirror each picture with probability 1/2");
  visit.share_or_text(
      "validation", config.data.validation.share, config.data.validation.source, 0.5,
      "Pictures to measure the loss on, never trained with: a share of the training pictures, "
      "\"test\" for that split, or a folder or .npz file");
  visit.flag("skip_corrupt", config.data.skip_corrupt,
             "Skip files that cannot be read, instead of stopping");
  visit.colour("background", config.data.background,
               "Colour behind pictures with transparency, for a network without alpha");

  visit.section("training");
  OptimisationConfig& training = config.training;
  visit.integer("batch", training.batch, 1, 65536, "Pictures per step; a multiple of shards");
  visit.integer(
      "shards", training.shards, 1, 1024,
      "Parts of a batch, each computed by one thread; the result depends on their number");
  visit.integer("accumulate", training.accumulate, 1, 1024,
                "Batches per step: their gradients are added, in the memory of one batch");
  visit.integer("steps", training.steps, 1, kMaxSteps, "Steps of the whole run");
  visit.number("learning_rate", training.learning_rate, kSmallest, 1e6,
               "Learning rate of Adam after the warm-up");
  visit.integer("warmup_steps", training.warmup_steps, 0, kMaxSteps,
                "Steps over which the learning rate rises linearly");
  visit.choice("decay", training.decay,
               "Learning rate after the warm-up: constant, or falling along half a cosine");
  visit.integer("decay_steps", training.decay_steps, 0, kMaxSteps,
                "Last steps over which the learning rate falls; 0 means all after the warm-up");
  visit.number("learning_rate_final", training.learning_rate_final, 0.0, 1e6,
               "Learning rate at the end of the decay");
  constexpr double kBelowOne = 1.0 - std::numeric_limits<double>::epsilon();
  visit.number("beta1", training.beta1, 0.0, kBelowOne, "Adam: decay of the first moment");
  visit.number("beta2", training.beta2, 0.0, kBelowOne, "Adam: decay of the second moment");
  visit.number("epsilon", training.epsilon, kSmallest, 1.0,
               "Adam: added to the root of the second moment");
  visit.number(
      "weight_decay", training.weight_decay, 0.0, 1e3,
      "AdamW: each update first multiplies the weights by 1 - learning rate * this; 0 means "
      "Adam");
  visit.number("clip_norm", training.clip_norm, 0.0, 1e30,
               "Largest norm of the whole gradient; 0 means no clipping");
  visit.choice("loss", training.loss,
               "Squared error averaged over pixels and channels (mean), or summed over them (sum)");
  visit.number("min_snr_gamma", training.min_snr_gamma, 0.0, 1e6,
               "Min-SNR weights of the loss at each t, with this gamma (5 is usual); 0 means none");
  visit.number("ema_decay", training.ema_decay, 0.0, kBelowOne,
               "Decay of the moving average of the weights");
  visit.flag("ema_warmup", training.ema_warmup,
             "Use a lower decay at first: min(ema_decay, (1 + k) / (10 + k)) at update k");
  visit.number("label_dropout", training.label_dropout, 0.0, kBelowOne,
               "Fraction of pictures shown without their class, which guidance needs");
  set_classes(model, num_classes, training.label_dropout);
  visit.choice("initialisation", training.initialisation,
               "Random weights at the start: as PyTorch or as Ho et al. initialise them");
  visit.choice("precision", training.precision,
               "Precision of products; weights and Adam are always fp32");
  visit.integer("seed", training.seed, 0, std::numeric_limits<std::int64_t>::max(), "Random seed");
  visit.integer("threads", training.threads, 0, 1024,
                "Number of threads; 0 means one per processor; does not affect the result");

  visit.section("output");
  OutputConfig& output = config.output;
  visit.text("name", output.name, "Name of the model; empty means that of the run's folder");
  visit.integer("checkpoint_every_steps", output.checkpoint_every_steps, 1, kMaxSteps,
                "Steps between checkpoints");
  visit.integer("keep_checkpoints", output.keep_checkpoints, 2, 1000000,
                "How many of the newest checkpoints to keep");
  visit.integer("log_every_steps", output.log_every_steps, 1, kMaxSteps,
                "Steps between lines of metrics.csv");
  visit.integer("validate_every_steps", output.validate_every_steps, 0, kMaxSteps,
                "Steps between measurements on data.validation; 0 means at each checkpoint");
  visit.integer("validation_count", output.validation_count, 1, 1000000,
                "Pictures of data.validation that are measured, at most");
  visit.integer("sample_every_steps", output.sample_every_steps, 0, kMaxSteps,
                "Steps between grids of samples; 0 means never");
  visit.integer("sample_count", output.sample_count, 1, 10000, "Pictures in a grid of samples");
  visit.integer("sample_steps", output.sample_steps, 1, 1000000,
                "Sampling steps of these pictures");
  visit.choice("sample_clip", output.sample_clip,
               "Clipping of the predicted x_0 while they are sampled, as sample --clip");
  visit.flag("tensorboard", output.tensorboard, "Write event files for TensorBoard");
}

/// TOML has escapes for these, files and terminals have not.
bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text,
                             [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; });
}

/// As a TOML string.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += letter;
  }
  return result + '"';
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
  void integer(std::string_view key, std::int64_t& value, std::int64_t min, std::int64_t max,
               std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_integer()) reject(*node, full(key), "must be a whole number");
    value = in_range(*node, key, **node->as_integer(), min, max);
  }
  void number(std::string_view key, double& value, double min, double max, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_number()) reject(*node, full(key), "must be a number");
    value = in_range(*node, key, *node->value<double>(), min, max);
  }
  void flag(std::string_view key, bool& value, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) reject(*node, full(key), "must be true or false");
    value = **node->as_boolean();
  }
  void colour(std::string_view key, Colour& value, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) reject(*node, full(key), "must be a colour, such as \"white\"");
    try {
      value = parse_colour(**node->as_string());
    } catch (const Error&) {
      reject(*node, full(key), "must be \"white\", \"black\", \"grey\" or \"#rrggbb\"");
    }
  }
  /// One number for both sides, or [height, width].
  void size(std::string_view key, std::int64_t& height, std::optional<std::int64_t>& width,
            std::int64_t min, std::int64_t max, std::string_view) {
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
  void choice(std::string_view key, Enum& value, std::string_view) {
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
  void text(std::string_view key, std::string& value, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) reject(*node, full(key), "must be a text in quotes");
    value = **node->as_string();
    if (has_control_character(value))  // not shown
      fail(ErrorCode::user, file_, ":", node->source().begin.line, ": ", full(key),
           " must be one line of text, without control characters");
  }
  /// A number from 0 to `max`, or a text that says where.
  void share_or_text(std::string_view key, double& share, std::string& value, double max,
                     std::string_view explanation) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (node->is_number()) return number(key, share, 0.0, max, explanation);
    if (!node->is_string()) reject(*node, full(key), "must be a number or a text in quotes");
    text(key, value, explanation);
  }
  void integers(std::string_view key, std::vector<std::int64_t>& values, std::int64_t min,
                std::int64_t max, std::string_view) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_array()) reject(*node, full(key), "must be a list of whole numbers");
    values.clear();
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_integer()) reject(element, full(key), "must hold whole numbers only");
      values.push_back(in_range(element, key, **element.as_integer(), min, max));
    }
  }
  void numbers(std::string_view key, std::vector<double>& values, double min, double max,
               std::string_view) {
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
    if (!node.is_table()) found << "; found " << toml::node_view<const toml::node>(node);
    fail(ErrorCode::user, file_, ":", node.source().begin.line, ": ", key, " ", what, found.str());
  }
  template <class Number>
  Number in_range(const toml::node& node, std::string_view key, Number value, Number min,
                  Number max) const {
    if (!(value >= min && value <= max))
      reject(node, full(key), concat("must be from ", min, " to ", max));
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
          to_string(process.schedule), "\"; set it to \"list\", or leave out the betas");
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
    add(key, exact(value), concat("number, ", range(min, max)), text);
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
    add(key, quoted(value), "text", explanation);
  }
  void share_or_text(std::string_view key, double share, std::string_view value, double max,
                     std::string_view explanation) {
    add(key, value.empty() ? exact(share) : quoted(value),
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
    for (const double value : values) text += concat(text.empty() ? "" : ", ", exact(value));
    add(key, "[" + text + "]", concat("list of numbers, ", range(min, max)), explanation);
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
  static std::string range(std::int64_t min, std::int64_t max) { return concat(min, " to ", max); }
  static std::string range(double min, double max) {
    const bool above_0 = min == std::numeric_limits<double>::min();
    const bool below_1 = max < 1.0 && max > 0.9999;
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
  try {
    engine::validate(config.model);
  } catch (const Error& error) {
    constexpr std::string_view kUnet = "unet: ";  // of which this file knows nothing
    const std::string_view message = error.what();
    fail(error.code(), "model.",
         message.starts_with(kUnet) ? message.substr(kUnet.size()) : message);
  }
  validate(config.diffusion);
  require(training.label_dropout == 0.0 || config.model.null_class, "training.label_dropout (",
          training.label_dropout, ") must be 0 for a network without classes (model.num_classes)");
  require(training.batch * training.accumulate <= kMaxPicturesPerStep, "training.batch (",
          training.batch, ") times training.accumulate (", training.accumulate,
          ") must not be above ", kMaxPicturesPerStep);
  require(config.data.validation.share == 0.0 || config.data.validation.source.empty(),
          "data.validation is a share or a source, not both");
  require(!has_control_character(config.output.name) &&
              !has_control_character(config.data.validation.source),
          "output.name and data.validation must be one line of text each");
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
  // The training pictures that are left depend on a share.
  const bool same_training_pictures = now.data.validation.share == before.data.validation.share;
  const std::vector<Entry> a = entries_of(now);
  const std::vector<Entry> b = entries_of(before);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string name = concat(a[i].section, ".", a[i].key);
    const bool harmless = a[i].section == "output" || name == "training.threads" ||
                          name == "data.skip_corrupt" ||
                          (name == "data.validation" && same_training_pictures) ||
                          (same_learning_rates && std::ranges::count(kLearningRateKeys, name) > 0);
    if (!harmless && a[i].value != b[i].value)
      result.push_back(concat(name, " is ", a[i].value, ", the checkpoint has ", b[i].value));
  }
  return result;
}

}  // namespace ddim::engine::train

namespace ddim {

using namespace engine;

TrainConfig load_train_config(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(ErrorCode::io, file.string(), ": cannot be opened; check the path");
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
