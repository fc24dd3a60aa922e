#pragma once

#include <ddim/pull.h>
#include <ddim/ranks.h>
#include <fmt/core.h>

#include <filesystem>
#include <string>

#include "command_line.h"
#include "terminal.h"

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
        .add_option(
            "--model", model_,
            "Model folder or file, checkpoint, training run (its newest checkpoint), name of "
            "a shipped model, or OWNER/NAME[@REVISION] of a pulled one")
        .envname("DDIM_MODEL")
        .type_name("MODEL");
  }

  bool given() const { return !model_.empty(); }
  /// Where the model is; fetched first when --pull says so. Errors as find_model().
  std::filesystem::path folder(const std::stop_token& stop = {}) const {
    return folder(model_, stop);
  }
  /// Where another model is, which is named instead of --model where it is not empty.
  std::filesystem::path folder(const std::string& model, const std::stop_token& stop = {}) const {
    const std::string& name = model.empty() ? model_ : model;
    const std::filesystem::path folder =
        find_model(name, pull_ ? MissingModel::pull : MissingModel::refuse,
                   {.show_progress = ShowProgress::on_stderr, .stop = stop});
    const bool is_told = Ranks::launched_rank() == 0;  // once
    if (is_told && folder != name && std::filesystem::is_directory(name))
      print_err("model: {}, {}\n", folder.string(),
                folder.string().starts_with(name)
                    ? "the newest checkpoint"
                    : fmt::format("shipped with ddim; the folder {} here holds no model", name));
    return folder;
  }

 private:
  std::string model_;
  bool pull_ = false;
};

}  // namespace ddim::cli
