#include "run_flags.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <charconv>

namespace ddim::cli {
namespace {

constexpr const char* kAllClasses = "all";

struct ParsedClass {
  std::int64_t number = -1;
  std::string problem = {};
};

ParsedClass parse_class(const std::string& word) {
  if (word == kAllClasses) return {};
  ParsedClass parsed;
  const char* const end = word.data() + word.size();
  const auto [next, error] = std::from_chars(word.data(), end, parsed.number);
  if (error != std::errc() || next != end)
    parsed.problem = fmt::format("\"{}\" is not the number of a class, nor all", word);
  return parsed;
}

void add_class_flags(Command command, ClassChoice& choice, std::vector<std::string>& classes) {
  command
      .add_option("--class", classes,
                  "Class to draw, counted from 0, for a model with classes; with a comma-separated "
                  "list, or with all, the pictures take the classes in turn")
      .delimiter(',')
      .check([](const std::string& word) { return parse_class(word).problem; })
      .type_name("K[,K...]");
  command
      .add_option("--guidance", choice.guidance,
                  "Classifier-free guidance: eps of no class + W (eps of the class - eps of no "
                  "class); 1 means no guidance; other values call the network twice per step")
      .type_name("W")
      .non_negative()
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
      .positive()
      .show_default();
  command
      .add_option("--threads", threads_,
                  "Number of threads; 0 means one per processor; does not affect the result")
      .envname("DDIM_THREADS")
      .within(0, kMaxThreads)
      .show_default();
  if (classes == Classes::chosen) add_class_flags(command, class_choice_, classes_);
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

ClassChoice RunFlags::class_choice(const std::stop_token& stop) const {
  ClassChoice choice = class_choice_;
  for (const std::string& word : classes_) {
    if (word != kAllClasses) {
      choice.classes.push_back(parse_class(word).number);
      continue;
    }
    const ModelInfo info = describe_model(model_.folder(stop), overrides_.overrides());
    if (info.num_classes == 0)
      throw Error(ErrorCode::user, "--class all: this model has no classes; leave it out");
    const std::optional<std::int64_t> null_class =
        choice.null_class ? choice.null_class : info.null_class;
    for (std::int64_t k = 0; k < info.num_classes; ++k)
      if (k != null_class) choice.classes.push_back(k);
  }
  return choice;
}

}  // namespace ddim::cli
