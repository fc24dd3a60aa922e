#pragma once

#include <ddim/image.h>
#include <ddim/model.h>
#include <ddim/show_progress.h>

#include <stop_token>

#include "class_flags.h"
#include "device_flag.h"
#include "model_flag.h"

namespace ddim::cli {

/// The flags of every command that runs a model: --model, --pull, --device, --class and what
/// belongs to it, --batch, --threads, --json, --quiet.
class RunFlags {
 public:
  void add_to(Command command);

  Model load_model(const std::stop_token& stop) const {
    return Model::load(model_.folder(stop), device_.options());
  }
  ClassChoice class_choice() const { return class_choice_.choice(); }
  std::int64_t batch() const { return batch_; }
  int threads() const { return threads_; }
  bool json() const { return json_; }
  bool quiet() const { return quiet_ || json_; }
  ShowProgress show_progress() const {
    return quiet() ? ShowProgress::no : ShowProgress::on_stderr;
  }

 private:
  ModelFlag model_;
  DeviceFlag device_;
  ClassFlags class_choice_;
  std::int64_t batch_ = 16;
  int threads_ = 0;
  bool json_ = false;
  bool quiet_ = false;
};

/// --overwrite
class OverwriteFlag {
 public:
  void add_to(Command command) {
    command.add_flag("--overwrite", overwrite_, "Replace output files that exist");
  }
  Overwrite value() const { return overwrite_ ? Overwrite::allow : Overwrite::refuse; }

 private:
  bool overwrite_ = false;
};

}  // namespace ddim::cli
