#include "run_flags.h"

#include <ddim/error.h>
#include <ddim/sample.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "printable.h"
#include "suggestion.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

constexpr const char* kAllClasses = "all";

std::optional<std::int64_t> class_number(const std::string& word) {
  std::int64_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [next, error] = std::from_chars(word.data(), end, number);
  if (error != std::errc() || next != end) return std::nullopt;
  return number;
}

/// All but the null class.
void add_all_classes(const ModelInfo& info, ClassChoice& choice) {
  const std::optional<std::int64_t> null_class =
      choice.null_class ? choice.null_class : info.null_class;
  for (std::int64_t k = 0; k < info.num_classes; ++k)
    if (k != null_class) choice.classes.push_back(k);
}

void add_named_class(const ModelInfo& info, const std::string& name, ClassChoice& choice) {
  const std::vector<std::string>& names = info.class_names;
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return choice.classes.push_back(found - names.begin());
  const std::string numbers = fmt::format("numbers from 0 to {}, or all", info.num_classes - 1);
  if (names.empty()) {
    throw Error(ErrorCode::user,
                fmt::format("--class: \"{}\" is not a number, and the classes of this model have "
                            "no names; give {}",
                            printable(name), numbers));
  }
  constexpr std::size_t kMostShown = 20;
  const std::string all = names.size() > kMostShown
                              ? "the names that ddim info prints"
                              : printable(fmt::format("{}", fmt::join(names, ", ")));
  const std::string guess = suggestion(name, names);
  throw Error(ErrorCode::user,
              fmt::format("--class: this model has no class \"{}\"{} {} {}, or {}", printable(name),
                          guess.empty() ? ";" : printable(guess),
                          guess.empty() ? "choose from" : "Choose from", all, numbers));
}

}  // namespace

void RunFlags::add_classes_to(Command command, Classes classes) {
  command
      .add_option("--class", classes_,
                  "Class to draw, by name or by number from 0, for a model with classes; with a "
                  "comma-separated list, or with all, the pictures take the classes in turn")
      .delimiter(',')
      .type_name("K[,K...]");
  const char* const meaning =
      "Classifier-free guidance: eps of no class + W (eps of the class - eps of no class); 1 means "
      "no guidance; other values call the network twice per step";
  const Option guidance =
      classes == Classes::chosen_with_guidances
          ? command
                .add_option("--guidance", guidances_,
                            fmt::format("{}. With a comma-separated list, the same noise is drawn "
                                        "with each",
                                        meaning))
                .delimiter(',')
                .type_name("W[,W...]")
          : command.add_option("--guidance", guidances_.front(), meaning).type_name("W");
  guidance.non_negative().show_default();
  command
      .add_option("--null-class", class_choice_.null_class,
                  "Class that stands for \"no class\", if the model's configuration does not name "
                  "it")
      .type_name("K");
}

Option RunFlags::add_to(Command command, Classes classes) {
  const Option model = model_.add_to(command);
  command
      .add_option("--weights", weights_,
                  "Weights of a checkpoint that has both: ema (moving average, the default) or raw "
                  "(as trained)")
      .type_name("NAME")
      .one_of({"ema", "raw"});
  no_verify_.add_to(command);
  overrides_.add_to(command);
  command.add_option("--batch", batch_, "Pictures processed at once; does not affect the result")
      .envname("DDIM_BATCH")
      .positive()
      .show_default();
  command
      .add_option("--threads", threads_,
                  "Number of threads; 0 means one per processor; does not affect the result")
      .envname("DDIM_THREADS")
      .within(0, kMaxThreads)
      .show_default();
  if (classes != Classes::from_data) add_classes_to(command, classes);
  device_.add_to(command);
  command.add_flag("--json", json_, "Print the result as one JSON object");
  command.add_flag("--quiet", quiet_, "Show no progress");
  return model;
}

const std::filesystem::path& RunFlags::folder(const std::stop_token& stop) const {
  if (folder_.empty()) folder_ = model_.folder(stop);
  return folder_;
}

LoadOptions RunFlags::load_options() const {
  LoadOptions options = device_.options();
  options.weights = value_named<WeightSet>(weights_);
  options.overrides = overrides_.overrides();
  options.verification = no_verify_.value();
  return options;
}

Model RunFlags::model_without_weights(const std::stop_token& stop) const {
  return Model::without_weights(folder(stop), load_options());
}

Model RunFlags::load_model(const std::stop_token& stop) const {
  Model model = Model::load(folder(stop), load_options());
  if (!quiet())
    for (const std::string& note : model.info().notes) print_err("ddim: {}\n", note);
  return model;
}

ClassChoice RunFlags::class_choice(const Model& model) const {
  ClassChoice choice = class_choice_;
  choice.guidance = guidances_.front();
  const ModelInfo& info = model.info();
  for (const std::string& word : classes_) {
    if (const auto number = class_number(word)) {
      choice.classes.push_back(*number);
      continue;
    }
    if (info.num_classes == 0)
      throw Error(
          ErrorCode::user,
          fmt::format("--class {}: this model has no classes; leave it out", printable(word)));
    if (word == kAllClasses) {
      add_all_classes(info, choice);
    } else {
      add_named_class(info, word, choice);
    }
  }
  return choice;
}

Plan RunFlags::checked_plan(const Model& model, const PlanOptions& options,
                            const ClassChoice& classes) const {
  Plan plan = make_plan(model, options);
  check_sample(model, plan, {.class_choice = classes});
  if (!plan.note.empty() && !quiet() && notes_told_.insert(plan.note).second)
    print_err("ddim: {}\n", plan.note);
  return plan;
}

}  // namespace ddim::cli
