#include "model/torch_checkpoint.h"

#include <map>
#include <utility>

#include "base/error.h"
#include "io/torch_file.h"

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
    if (root.is(PickleKind::list) || root.is(PickleKind::tuple)) return read_list(root);
    if (!root.is(PickleKind::dict)) refuse("it holds ", root.describe());
    if (root.find("model") && (root.find("ema") || root.find("opt"))) {
      refuse(
          "this is a checkpoint of lucidrains' denoising-diffusion-pytorch, whose network is not "
          "supported");
    }
    const PickleValue weights = root.find("state_dict").value_or(root);
    return {.kind = "dictionary of weights (PyTorch)", .weights = table_of(weights, "its weights")};
  }

  std::string config_json() const { return std::string(file_.contents.config_json); }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorCode::corrupt, name_, ": ", parts...);
  }

  TorchCheckpoint read_list(const PickleValue& list) {
    if (list.size() != 4 && list.size() != 5)
      refuse("a list of ", list.size(),
             "; the official code writes [model, adam, epoch, step] and may add an average");
    TorchCheckpoint result{.kind = "checkpoint of the official code",
                           .weights = table_of(list[list.size() == 5 ? 4 : 0], "the weights")};
    if (list.size() == 5) result.trained = table_of(list[0], "the first element");
    result.adam = read_adam(list[1]);
    result.epoch = count(list[2], "the epoch");
    result.step = count(list[3], "the step");
    return result;
  }

  std::int64_t count(const PickleValue& value, const char* what) const {
    if (!value.is(PickleKind::integer) || value.integer() < 0)
      refuse(what, " is ", value.describe(), ", expected a count");
    return value.integer();
  }

  /// A dictionary of tensors; `module.` is dropped where all names begin with it.
  io::TensorTable table_of(const PickleValue& dict, const char* what) const {
    constexpr std::string_view kModule = "module.";
    if (!dict.is(PickleKind::dict) || dict.size() == 0)
      refuse(what, " should be a dictionary of tensors, not ", dict.describe());
    if (dict.size() > io::kMaxTensors) refuse(what, " has more than ", io::kMaxTensors, " tensors");
    bool all_in_module = true;
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const auto [key, value] = dict.pair(i);
      if (!key.is(PickleKind::text)) refuse(what, " names a tensor by ", key.describe());
      if (!io::is_tensor(value))
        refuse(what, " holds under ", io::display_name(key.text()), " ", value.describe(),
               ", not a tensor");
      all_in_module = all_in_module && key.text().starts_with(kModule);
    }
    std::vector<io::TensorEntry> entries;
    for (std::size_t i = 0; i < dict.size(); ++i) {
      const auto [key, value] = dict.pair(i);
      const std::string name(key.text().substr(all_in_module ? kModule.size() : 0));
      entries.push_back(tensor(value, name));
    }
    return {file_.path, {file_.file}, std::move(entries)};
  }
  io::TensorEntry tensor(const PickleValue& value, const std::string& name) const {
    return io::tensor_of(file_.contents, value, name, name_);
  }

  /// {state: {i: {step, exp_avg, exp_avg_sq}}, param_groups: [{lr, betas, eps, ..., params}]}.
  std::optional<TorchAdam> read_adam(const PickleValue& adam) const {
    const auto state = adam.find("state");
    const auto groups = adam.find("param_groups");
    if (!state || !state->is(PickleKind::dict) || !groups || !groups->is(PickleKind::list) ||
        groups->size() != 1)
      refuse("the second element should be the state of an optimizer with one group");
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
      const PickleValue of_parameter = found->second;
      const auto m = of_parameter.find("exp_avg");
      const auto v = of_parameter.find("exp_avg_sq");
      const auto step = of_parameter.find("step");
      if (!m || !v || !step)
        refuse("the optimizer is not Adam: its parameter ", i, " has no state");
      result.m.push_back(tensor(*m, concat("exp_avg ", i)));
      result.v.push_back(tensor(*v, concat("exp_avg_sq ", i)));
      const std::int64_t updates = number_of_updates(*step);
      if (i > 0 && updates != result.num_updates)
        refuse("the optimizer's parameters have made ", result.num_updates, " and ", updates,
               " updates; all should have made as many");
      result.num_updates = updates;
    }
    return result;
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
};

}  // namespace

TorchCheckpoint open_torch_checkpoint(const std::filesystem::path& path,
                                      std::shared_ptr<const io::MappedFile> file) {
  CheckpointReader reader(path, std::move(file));
  TorchCheckpoint checkpoint = reader.read();
  checkpoint.config_json = reader.config_json();
  return checkpoint;
}

}  // namespace ddim::engine::model
