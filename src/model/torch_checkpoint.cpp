#include "model/torch_checkpoint.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "io/torch_file.h"
#include "model/naming.h"

namespace ddim::engine::model {
namespace {

using io::PickleKind;
using io::PickleValue;

class CheckpointReader {
 public:
  CheckpointReader(const std::filesystem::path& path, std::shared_ptr<const io::MappedFile> file)
      : file_(io::open_torch_file(path, std::move(file))), name_(path.string()) {}

  TorchCheckpoint read() {
    const PickleValue root = file_.root();
    if (is_list(root)) return is_official(root) ? read_list(root) : read_dictionary(root);
    if (root.is(PickleKind::call) && !io::is_tensor(root)) refuse("it holds ", needs_program(root));
    if (!root.is(PickleKind::dict)) refuse("it holds ", root.describe());
    return read_dictionary(root);
  }

  const std::string& damage() const { return file_.contents.damage; }
  std::string config_json() const { return std::string(file_.contents.config_json); }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorCode::corrupt, name_, ": ", parts...);
  }

  static bool is_list(const PickleValue& value) {
    return value.is(PickleKind::list) || value.is(PickleKind::tuple);
  }

  /// What a key of a dictionary leads to is called; numbers are keys, too ({0.9999: average}).
  static std::optional<std::string> name_of(const PickleValue& key) {
    if (key.is(PickleKind::text)) return std::string(key.text());
    if (key.is(PickleKind::integer)) return std::to_string(key.integer());
    if (key.is(PickleKind::real)) return number_text(key.real());
    return std::nullopt;
  }

  /// Other lists hold dictionaries of weights.
  static bool is_official(const PickleValue& list) {
    return (list.size() == 4 || list.size() == 5) && list[2].is(PickleKind::integer) &&
           list[3].is(PickleKind::integer);
  }

  /// Of an object, in whose state weights may be.
  static std::string needs_program(const PickleValue& object) {
    const std::string_view function = object[0].text();
    if (function.ends_with(" _reconstruct"))
      return "an array of NumPy: save tensors (torch.from_numpy) in place of arrays";
    if (function.starts_with("torch._utils _rebuild_"))
      return "a tensor of a kind that is not read (8 bits, sparse, quantized ...): save it as "
             "float32 or float16";
    return concat(object.describe(),
                  ", which only the program that made it can read: save its "
                  "state_dict() with torch.save, or the model with save_pretrained()");
  }

  TorchCheckpoint read_list(const PickleValue& list) {
    TorchCheckpoint result{.kind = kOfficialCheckpoint, .dictionaries = {}};
    result.dictionaries.push_back({"model", table_of(list[0], "the first element")});
    if (list.size() == 5)
      result.dictionaries.push_back({"average", table_of(list[4], "the average")});
    read_adam(list[1], result);
    result.epoch = count(list[2], "the epoch");
    result.step = count(list[3], "the step");
    return result;
  }

  /// A dictionary of weights, or with such dictionaries below its keys.
  TorchCheckpoint read_dictionary(const PickleValue& root) {
    visit(root, "", 0);
    if (is_list(root) && dictionaries_.empty())
      refuse("a list of ", root.size(),
             "; the official code writes [model, adam, epoch, step] and may add an average");
    std::vector<std::string> notes = name_shadow_weights();
    if (dictionaries_.empty()) refuse_without_weights(root);
    TorchCheckpoint result{.kind = "dictionary of weights (PyTorch)",
                           .dictionaries = std::move(dictionaries_),
                           .notes = std::move(notes)};
    if (optimizer_) read_adam(*optimizer_, result);
    result.epoch = first_count(root, {"epoch"});
    result.step = first_count(root, {"step", "global_step", "iteration", "iter"});
    return result;
  }

  /// Collects dictionaries with a supported network's tensors in what the keys of `dict` lead to.
  void visit(const PickleValue& dict, const std::string& place, int depth) {
    constexpr int kMaxDepth = 32;
    // Shared values can be reached on many ways.
    if (++num_visited_ > io::kMaxTensors) refuse("it has more than ", io::kMaxTensors, " parts");
    if (is_list(dict)) {
      for (std::size_t i = 0; i < dict.size(); ++i)
        if (dict[i].is(PickleKind::dict))
          visit(dict[i], concat(place, place.empty() ? "" : ".", i), depth + 1);
      return;
    }
    if (dict.find("state") && dict.find("param_groups")) {
      if (!optimizer_) optimizer_ = dict;
      return;
    }
    bool has_network = false;
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const auto [key, value] = dict.pair(i);
      if (io::is_tensor(value)) {
        has_network = has_network ||
                      (key.is(PickleKind::text) && prefix_before_anchor(key.text()).has_value());
        continue;
      }
      const std::optional<std::string> name = name_of(key);
      if (!name) continue;
      const std::string below = place + (place.empty() ? "" : ".") + *name;
      if ((value.is(PickleKind::dict) || is_list(value)) && depth < kMaxDepth)
        visit(value, below, depth + 1);
      if (value.is(PickleKind::list) && name == "shadow_params")
        shadow_weights_.emplace_back(below, value);
    }
    if (has_network) dictionaries_.push_back({place, tensors_in(dict)});
  }

  /// diffusers' EMAModel keeps its weights as a list in the order of the network's parameters,
  /// which is that of a dictionary beside it. Notes on lists that are of no network, or of one of
  /// several with other names.
  std::vector<std::string> name_shadow_weights() {
    std::vector<std::string> notes;
    const std::vector<io::TensorTable> networks = networks_of(dictionaries_);
    for (const auto& [place, list] : shadow_weights_) {
      std::vector<io::TensorEntry> named;
      bool is_clear = true;
      for (const io::TensorTable& network : networks) {
        std::vector<io::TensorEntry> entries = named_like(network.entries(), list);
        if (entries.empty()) continue;
        is_clear = named.empty() ||
                   (is_clear && std::ranges::equal(named, entries, {}, &io::TensorEntry::name,
                                                   &io::TensorEntry::name));
        named = std::move(entries);
      }
      if (!named.empty() && is_clear)
        dictionaries_.push_back({"ema." + place, {file_.path, {file_.file}, std::move(named)}});
      else
        notes.push_back(concat("left out: an average without names, ", io::display_name(place),
                               ", which fits ", named.empty() ? "no network" : "several networks",
                               " here (", list.size(), " tensors)"));
    }
    return notes;
  }

  /// The tensors of `list` under the names of `network`; none where they do not fit it.
  std::vector<io::TensorEntry> named_like(std::vector<io::TensorEntry> network,
                                          const PickleValue& list) const {
    if (list.size() != network.size()) return {};
    for (std::size_t i = 0; i < network.size(); ++i) {
      if (!io::is_tensor(list[i]) || !io::has_numbers(file_.contents, list[i])) return {};
      io::TensorEntry entry = tensor(list[i], network[i].name);
      if (entry.shape != network[i].shape) return {};
      network[i] = std::move(entry);
    }
    return network;
  }

  [[noreturn]] void refuse_without_weights(const PickleValue& root) const {
    const auto has = [&](const char* key) { return root.find(key).has_value(); };
    const char* const other = "; name the file or folder of the network's weights beside it";
    if (optimizer_) refuse("this is the state of an optimizer, without a network's weights", other);
    if (!shadow_weights_.empty())
      refuse("this is the state of diffusers' EMAModel, a list of weights without names", other);
    if (has("last_epoch") && has("_step_count"))
      refuse("this is the state of a learning rate's schedule", other);
    if (has("growth_factor") && has("scale"))
      refuse("this is the state of a gradient scaler", other);
    std::vector<io::TensorEntry> tensors = all_tensors(root);
    for (std::size_t i = 0; tensors.empty() && i < root.size(); ++i) {
      const auto [key, value] = root.pair(i);
      if (key.is(PickleKind::text) && value.is(PickleKind::call) && !io::is_tensor(value))
        refuse("there are no weights in it; under ", io::display_name(key.text()), " is ",
               needs_program(value));
    }
    if (tensors.empty()) refuse("there are no weights in it");
    refuse_unknown_network({file_.path, {file_.file}, std::move(tensors)});
  }

  /// The tensors of the first dictionary that has some.
  std::vector<io::TensorEntry> all_tensors(const PickleValue& root) const {
    std::vector<io::TensorEntry> entries = tensors_in(root).entries();
    for (std::size_t i = 0; entries.empty() && i < root.size(); ++i)
      if (root.pair(i).second.is(PickleKind::dict))
        entries = tensors_in(root.pair(i).second).entries();
    return entries;
  }

  /// What can be named of `dict`: the tensors below its text keys.
  io::TensorTable tensors_in(const PickleValue& dict) const {
    if (dict.size() > io::kMaxTensors) refuse("a dictionary has ", dict.size(), " entries");
    std::vector<io::TensorEntry> entries;
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const auto [key, value] = dict.pair(i);
      if (key.is(PickleKind::text) && io::is_tensor(value) &&
          io::has_numbers(file_.contents, value))
        entries.push_back(tensor(value, std::string(key.text())));
    }
    return {file_.path, {file_.file}, std::move(entries)};
  }

  /// The first of these keys whose value is a count; 0 without any.
  static std::int64_t first_count(const PickleValue& dict,
                                  std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      const auto value = dict.find(key);
      if (value && value->is(PickleKind::integer) && value->integer() >= 0) return value->integer();
    }
    return 0;
  }

  std::int64_t count(const PickleValue& value, const char* what) const {
    if (!value.is(PickleKind::integer) || value.integer() < 0)
      refuse(what, " is ", value.describe(), ", expected a count");
    return value.integer();
  }

  /// A dictionary of tensors and nothing else.
  io::TensorTable table_of(const PickleValue& dict, const char* what) const {
    if (!dict.is(PickleKind::dict) || dict.size() == 0)
      refuse(what, " should be a dictionary of tensors, not ", dict.describe());
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const auto [key, value] = dict.pair(i);
      if (!key.is(PickleKind::text)) refuse(what, " names a tensor by ", key.describe());
      if (!io::is_tensor(value))
        refuse(what, " holds under ", io::display_name(key.text()), " ", value.describe(),
               ", not a tensor");
    }
    return tensors_in(dict);
  }
  io::TensorEntry tensor(const PickleValue& value, const std::string& name) const {
    return io::tensor_of(file_.contents, value, name, name_);
  }

  /// Sets `adam` or `adam_problem`; an optimizer never keeps anybody from its weights.
  void read_adam(const PickleValue& optimizer, TorchCheckpoint& result) const {
    try {
      result.adam = adam_of(optimizer);
    } catch (const Error& error) {
      result.adam_problem = error.what();
    }
  }

  /// {state: {i: {step, exp_avg, exp_avg_sq}}, param_groups: [{lr, betas, eps, ..., params}]}.
  std::optional<TorchAdam> adam_of(const PickleValue& adam) const {
    const auto state = adam.find("state");
    const auto groups = adam.find("param_groups");
    if (!state || !state->is(PickleKind::dict) || !groups || !groups->is(PickleKind::list) ||
        groups->size() != 1)
      refuse("the optimizer should have a state and one group of parameters");
    const PickleValue group = (*groups)[0];
    TorchAdam result{.settings = read_settings(group)};
    if (state->size() == 0) return std::nullopt;  // it has made no step yet
    const auto parameters = group.find("params");
    if (!parameters || !parameters->is(PickleKind::list) || parameters->size() != state->size())
      refuse("the optimizer's parameters are not those that it has a state for");
    std::map<std::int64_t, PickleValue> states;
    for (std::size_t i = 0; i < state->size(); ++i) {
      const auto [key, value] = state->pair(i);
      if (key.is(PickleKind::integer)) states.emplace(key.integer(), value);
    }
    for (std::size_t i = 0; i < parameters->size(); ++i) {
      const PickleValue key = (*parameters)[i];
      const auto found = key.is(PickleKind::integer) ? states.find(key.integer()) : states.end();
      if (found == states.end()) refuse("the optimizer has no state for ", key.describe());
      add_moments(found->second, i, result);
    }
    return result;
  }

  void add_moments(const PickleValue& of_parameter, std::size_t i, TorchAdam& adam) const {
    const auto m = of_parameter.find("exp_avg");
    const auto v = of_parameter.find("exp_avg_sq");
    const auto step = of_parameter.find("step");
    if (!m || !v || !step) refuse("the optimizer is not Adam: its parameter ", i, " has no state");
    adam.m.push_back(tensor(*m, concat("exp_avg ", i)));
    adam.v.push_back(tensor(*v, concat("exp_avg_sq ", i)));
    const std::int64_t updates = number_of_updates(*step);
    if (i > 0 && updates != adam.num_updates)
      refuse("the optimizer's parameters have made ", adam.num_updates, " and ", updates,
             " updates; all should have made as many");
    adam.num_updates = updates;
  }

  /// Older PyTorch stores a number, newer a tensor of one element.
  std::int64_t number_of_updates(const PickleValue& step) const {
    if (step.is(PickleKind::integer)) return count(step, "the number of updates");
    const io::TensorEntry entry = tensor(step, "step");
    float updates = -1;
    if (entry.num_elements() == 1) io::read_f32(entry, {&updates, 1});
    if (!(updates >= 0) || updates > 1e9F ||
        updates != static_cast<float>(static_cast<int>(updates)))
      refuse("the number of updates is ", updates);
    return static_cast<std::int64_t>(updates);
  }

  AdamSettings read_settings(const PickleValue& group) const {
    const auto number = [&](const std::optional<PickleValue>& value, const char* what) {
      if (value && value->is(PickleKind::real)) return value->real();
      if (value && value->is(PickleKind::integer)) return static_cast<double>(value->integer());
      refuse("the optimizer's ", what, " should be a number");
    };
    const auto betas = group.find("betas");
    if (!betas || betas->is(PickleKind::dict) || betas->size() != 2)
      refuse("the optimizer is not Adam: it has no betas");
    if (number(group.find("weight_decay"), "weight_decay") != 0.0)
      refuse("the optimizer has weight decay, which is not supported");
    const auto amsgrad = group.find("amsgrad");
    if (amsgrad && amsgrad->is(PickleKind::boolean) && amsgrad->integer() != 0)
      refuse("the optimizer uses amsgrad, which is not supported");
    return {.learning_rate = number(group.find("lr"), "lr"),
            .beta1 = number((*betas)[0], "beta1"),
            .beta2 = number((*betas)[1], "beta2"),
            .epsilon = number(group.find("eps"), "eps")};
  }

  io::TorchFile file_;
  std::string name_;
  // What visit() finds.
  std::size_t num_visited_ = 0;
  std::vector<TensorDictionary> dictionaries_;
  std::vector<std::pair<std::string, PickleValue>> shadow_weights_;  ///< places and lists
  std::optional<PickleValue> optimizer_;
};

}  // namespace

namespace {

/// Optimizers by a key that they have for every parameter.
constexpr std::pair<const char*, const char*> kOptimizers[] = {
    {"exp_avg_sq", "Adam"},
    {"state1", "Adam with 8 bits"},
    {"momentum_buffer", "SGD with momentum"},
    {"square_avg", "RMSprop"},
    {"exp_avg_sq_row", "Adafactor"},
    {"sum", "Adagrad"},
    {"exp_avg", "Lion"}};

std::string optimizer_text(const PickleValue& root) {
  const auto state = root.find("state"), groups = root.find("param_groups");
  if (!state || !groups || !state->is(PickleKind::dict) || !groups->is(PickleKind::list) ||
      groups->size() == 0)
    return concat("it holds ", root.describe(), ", not an optimizer's state");
  std::string name = "an optimizer that has made no step";
  if (state->size() > 0) {
    name = "an unknown optimizer";
    const PickleValue first = state->pair(0).second;
    for (const auto& [key, known] : kOptimizers) {
      if (!first.find(key)) continue;
      name = known;
      break;
    }
  }
  std::vector<std::string> settings;
  const PickleValue group = (*groups)[0];
  for (const auto& [key, shown] :
       {std::pair("lr", "learning rate"), {"weight_decay", "weight decay"}}) {
    const auto value = group.find(key);
    if (value && value->is(PickleKind::real) && value->real() != 0.0)
      settings.push_back(concat(shown, " ", number_text(value->real())));
  }
  if (const auto amsgrad = group.find("amsgrad");
      amsgrad && amsgrad->is(PickleKind::boolean) && amsgrad->integer() != 0)
    settings.emplace_back("amsgrad");
  return concat("it is of ", name, settings.empty() ? "" : " (", join(settings, ", "),
                settings.empty() ? "" : ")", ", for ", state->size(),
                " parameters in the order of their module");
}

}  // namespace

std::string describe_optimizer(const std::filesystem::path& path,
                               std::shared_ptr<const io::MappedFile> file) {
  try {
    return optimizer_text(io::open_torch_file(path, std::move(file)).root());
  } catch (const Error& error) {
    return error.what();
  }
}

TorchCheckpoint open_torch_checkpoint(const std::filesystem::path& path,
                                      std::shared_ptr<const io::MappedFile> file) {
  CheckpointReader reader(path, std::move(file));
  TorchCheckpoint checkpoint = reader.read();
  checkpoint.config_json = reader.config_json();
  checkpoint.damage = reader.damage();
  return checkpoint;
}

}  // namespace ddim::engine::model
