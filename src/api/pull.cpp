#include <ddim/pull.h>
#include <ddim/version.h>

#include <iostream>

#include "api/shipped.h"
#include "base/error.h"
#include "base/file_input.h"
#include "hub/pull.h"
#include "io/diffusers_layout.h"
#include "model/run_folder.h"
#include "run/reporter.h"

namespace ddim {

using namespace engine;
namespace {

hub::Settings settings() {
  hub::Settings settings = hub::settings_of_process();
  settings.user_agent = concat("ddim/", version());
  return settings;
}

constexpr std::int64_t kKilobyte = 1000;

}  // namespace

PullResult pull_model(const PullOptions& options) {
  const auto repository = hub::parse_repository(options.model);
  require(repository.has_value(), "\"", options.model,
          "\" is not the name of a model on the hub; expected OWNER/NAME or OWNER/NAME@REVISION");
  Progress display(std::clog, run::style_of(options.show_progress), "kB");
  bool begun = false;
  const auto report = [&](const hub::PullState& state) {
    const auto bytes = static_cast<std::int64_t>(state.bytes);
    const auto bytes_done = static_cast<std::int64_t>(state.bytes_done);
    if (!begun) display.begin(0, (bytes + kKilobyte - 1) / kKilobyte);
    begun = true;
    display.update((bytes_done + kKilobyte - 1) / kKilobyte, "");
    if (options.progress) options.progress({.bytes_done = bytes_done, .bytes = bytes});
  };
  const hub::Pulled pulled = hub::pull(settings(), *repository, report, options.stop);
  return {.folder = pulled.snapshot,
          .commit = pulled.commit,
          .files = pulled.files,
          .bytes = static_cast<std::int64_t>(pulled.bytes),
          .bytes_fetched = static_cast<std::int64_t>(pulled.bytes_fetched)};
}

std::filesystem::path find_model(const std::string& model, MissingModel missing,
                                 PullOptions options) {
  if (std::filesystem::exists(model)) return model::newest_checkpoint(model);
  if (!model.empty() && model.find('/') == std::string::npos) {
    for (const std::filesystem::path& folder : shipped_folders())
      if (is_there(folder / model / io::kModelIndexFile)) return folder / model;
    fail(ErrorCode::user, model,
         ": no such file or folder, and no shipped model of this name; `ddim models` lists what "
         "there is");
  }
  const auto repository = hub::parse_repository(model);
  if (!repository) return model;
  try {
    return hub::find_snapshot(settings(), *repository);
  } catch (const Error& error) {
    if (missing == MissingModel::refuse || error.code() != ErrorCode::user) throw;
  }
  options.model = model;
  return pull_model(options).folder;
}

}  // namespace ddim
