#pragma once

#include <ddim/pull.h>
#include <fmt/core.h>

#include <filesystem>
#include <string>

#include "command_line.h"

namespace ddim::cli {

/// --model FOLDER|OWNER/NAME[@REVISION], and --pull
class ModelFlag {
 public:
  Option add_to(Command command) {
    const Option model = add_model_to(command);
    add_pull_to(command);
    return model;
  }
  Option add_pull_to(Command command) {
    return command.add_flag("--pull", pull_, "Download the model if it is not in the cache");
  }
  Option add_model_to(Command command) {
    return command
        .add_option("--model", model_,
                    "Model folder or file, checkpoint, training run (its newest checkpoint), or "
                    "OWNER/NAME[@REVISION] of a pulled model")
        .envname("DDIM_MODEL")
        .type_name("MODEL");
  }

  bool given() const { return !model_.empty(); }
  /// Where the model is; fetched first when --pull says so. Errors as find_model().
  std::filesystem::path folder(const std::stop_token& stop = {}) const {
    const std::filesystem::path folder =
        find_model(model_, pull_ ? MissingModel::pull : MissingModel::refuse,
                   {.show_progress = ShowProgress::on_stderr, .stop = stop});
    if (folder != model_ && std::filesystem::is_directory(model_))
      fmt::print(stderr, "model: {}, the newest checkpoint\n", folder.string());
    return folder;
  }

 private:
  std::string model_;
  bool pull_ = false;
};

}  // namespace ddim::cli
