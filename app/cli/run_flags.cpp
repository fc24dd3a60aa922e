#include "run_flags.h"

#include <fmt/core.h>

namespace ddim::cli {
namespace {

void add_class_flags(Command command, ClassChoice& choice) {
  command
      .add_option("--class", choice.classes,
                  "Class to draw, counted from 0, for a model with classes; with a comma-separated "
                  "list, the pictures take its classes in turn")
      .delimiter(',')
      .type_name("K[,K...]");
  command
      .add_option("--guidance", choice.guidance,
                  "Classifier-free guidance: eps of no class + W (eps of the class - eps of no "
                  "class); 1 means no guidance; other values call the network twice per step")
      .type_name("W")
      .show_default();
  command
      .add_option("--null-class", choice.null_class,
                  "Class that stands for \"no class\", if the model's configuration does not name "
                  "it")
      .type_name("K");
}

}  // namespace

Option RunFlags::add_to(Command command, Classes classes) {
  const Option model = model_.add_to(command);
  command
      .add_option("--weights", weights_,
                  "Weights of a checkpoint that has both: ema (moving average, the default) or raw "
                  "(as trained)")
      .type_name("NAME")
      .one_of({"ema", "raw"});
  overrides_.add_to(command);
  command.add_option("--batch", batch_, "Pictures processed at once; does not affect the result")
      .envname("DDIM_BATCH")
      .show_default();
  command
      .add_option("--threads", threads_,
                  "Number of threads; 0 means one per processor; does not affect the result")
      .envname("DDIM_THREADS")
      .show_default();
  if (classes == Classes::chosen) add_class_flags(command, class_choice_);
  device_.add_to(command);
  command.add_flag("--json", json_, "Print the result as one JSON object");
  command.add_flag("--quiet", quiet_, "Show no progress");
  return model;
}

Model RunFlags::load_model(const std::stop_token& stop) const {
  LoadOptions options = device_.options();
  options.weights = value_named<WeightSet>(weights_);
  options.overrides = overrides_.overrides();
  Model model = Model::load(model_.folder(stop), options);
  if (!quiet())
    for (const std::string& note : model.info().notes) fmt::print(stderr, "ddim: {}\n", note);
  return model;
}

}  // namespace ddim::cli
