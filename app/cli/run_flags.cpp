#include "run_flags.h"

#include <ddim/error.h>
#include <ddim/model.h>
#include <ddim/sample.h>
#include <fmt/core.h>

#include <algorithm>

#include "terminal.h"

namespace ddim::cli {

void RunFlags::add_classes_to(Command command, Classes classes) {
  command
      .add_option("--class", classes_,
                  "Class to draw, by name or by number from 0, for a model with classes; with a "
                  "comma-separated list, or with all, the pictures take the classes in turn. "
                  "name:5 and number:5 tell a name from a number")
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
  null_class_option_ =
      command
          .add_option(
              "--null-class", class_choice_.null_class,
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
  for (const std::string& word : classes_) add_classes(word, model.info(), "--class", choice);
  const bool is_guided = std::ranges::any_of(guidances_, [](double w) { return w != 1.0; });
  const bool draws_all = std::ranges::find(classes_, "all") != classes_.end();
  const bool exists = choice.null_class && *choice.null_class < model.info().num_classes;
  if (exists && null_class_option_.source() == Source::command_line && !is_guided && !draws_all)
    throw Error(ErrorCode::user,
                "--null-class has an effect with --guidance and --class all only; leave it out");
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
