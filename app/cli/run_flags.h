#pragma once

#include <ddim/class_choice.h>
#include <ddim/model.h>
#include <ddim/overwrite.h>
#include <ddim/run_options.h>

#include <stop_token>

#include "device_flags.h"
#include "model_flag.h"
#include "model_override_flags.h"

namespace ddim::cli {

/// The flags of every command that runs a model: --model, --pull, --weights, --size, --schedule and
/// what belongs to it, --device and what belongs to it, --batch, --threads, --json, --quiet; and
/// --class, --guidance, --null-class where the pictures' class is the user's choice.
class RunFlags {
 public:
  enum class Classes { chosen, from_data };
  /// Returns --model.
  Option add_to(Command command, Classes classes = Classes::chosen);

  /// Prints what was chosen among the model's weights to stderr, unless quiet().
  Model load_model(const std::stop_token& stop) const;
  bool has_model() const { return model_.given(); }
  /// Looks into the model's files for --class all. Errors as find_model() and describe_model().
  ClassChoice class_choice(const std::stop_token& stop = {}) const;
  RunOptions options(const std::stop_token& stop) const {
    return {.batch = batch_,
            .threads = threads_,
            .show_progress = quiet() ? ShowProgress::no : ShowProgress::on_stderr,
            .stop = stop};
  }
  bool json() const { return json_; }
  bool quiet() const { return quiet_ || json_; }

 private:
  ModelFlag model_;
  std::string weights_;
  ModelOverrideFlags overrides_;
  DeviceFlags device_;
  ClassChoice class_choice_;
  std::vector<std::string> classes_;
  std::int64_t batch_ = RunOptions{}.batch;
  int threads_ = 0;
  bool json_ = false;
  bool quiet_ = false;
};

/// --overwrite
class OverwriteFlag {
 public:
  void add_to(Command command) {
    command.add_flag("--overwrite", overwrite_, "Replace existing output files");
  }
  Overwrite value() const { return overwrite_ ? Overwrite::allow : Overwrite::refuse; }

 private:
  bool overwrite_ = false;
};

}  // namespace ddim::cli
