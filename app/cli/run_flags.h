#pragma once

#include <ddim/class_choice.h>
#include <ddim/model.h>
#include <ddim/overwrite.h>
#include <ddim/plan.h>
#include <ddim/run_options.h>

#include <set>
#include <stop_token>
#include <string>

#include "device_flags.h"
#include "model_flag.h"
#include "model_override_flags.h"

namespace ddim::cli {

/// The flags of every command that runs a model: --model, --pull, --weights, --no-verify, --size,
/// --schedule and what belongs to it, --device and what belongs to it, --batch, --threads, --json,
/// --quiet; and
/// --class, --guidance, --null-class where the pictures' class is the user's choice.
class RunFlags {
 public:
  enum class Classes {
    chosen,
    chosen_with_guidances,  ///< --guidance is a list
    from_data
  };
  /// Returns --model.
  Option add_to(Command command, Classes classes = Classes::chosen);

  /// What everything that depends on the model is checked against, before its weights are loaded.
  /// Errors as find_model() and Model::without_weights().
  Model model_without_weights(const std::stop_token& stop) const;
  /// Prints what was chosen among the model's weights to stderr, unless quiet().
  Model load_model(const std::stop_token& stop) const;
  bool has_model() const { return model_.given(); }
  /// The numbers of the classes of `model`. Error(user) for a name that it does not have, and for
  /// --null-class on the command line where nothing depends on it.
  ClassChoice class_choice(const Model& model) const;
  /// The values of --guidance, one or more.
  const std::vector<double>& guidances() const { return guidances_; }
  RunOptions options(const std::stop_token& stop) const {
    return {.batch = batch_,
            .threads = threads_,
            .show_progress = quiet() ? ShowProgress::no : ShowProgress::on_stderr,
            .stop = stop};
  }
  bool json() const { return json_; }
  bool quiet() const { return quiet_ || json_; }
  /// The plan for the model, which may have no weights; says once, unless quiet(), where its steps
  /// are not those that were asked for. Errors as make_plan(), and as check_sample() for the
  /// classes.
  Plan checked_plan(const Model& model, const PlanOptions& options,
                    const ClassChoice& classes) const;
  /// As --quiet: of several ranks, one speaks.
  void be_quiet() { quiet_ = true; }

 private:
  void add_classes_to(Command command, Classes classes);
  LoadOptions load_options() const;
  /// Where the model is; fetched first when --pull says so. Looked for once.
  const std::filesystem::path& folder(const std::stop_token& stop) const;

  ModelFlag model_;
  mutable std::filesystem::path folder_;
  std::string weights_;
  NoVerifyFlag no_verify_;
  ModelOverrideFlags overrides_;
  DeviceFlags device_;
  ClassChoice class_choice_;
  Option null_class_option_;
  std::vector<std::string> classes_;
  std::vector<double> guidances_ = {ClassChoice{}.guidance};
  std::int64_t batch_ = RunOptions{}.batch;
  int threads_ = 0;
  bool json_ = false;
  bool quiet_ = false;
  mutable std::set<std::string> notes_told_;
};

/// --overwrite
class OverwriteFlag {
 public:
  Option add_to(Command command) {
    return command.add_flag("--overwrite", overwrite_, "Replace existing output files");
  }
  Overwrite value() const { return overwrite_ ? Overwrite::allow : Overwrite::refuse; }

 private:
  bool overwrite_ = false;
};

}  // namespace ddim::cli
