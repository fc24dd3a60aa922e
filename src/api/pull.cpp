#include <ddim/pull.h>
#include <ddim/quality.h>
#include <ddim/version.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "api/shipped.h"
#include "base/error.h"
#include "base/file_input.h"
#include "hub/published_file.h"
#include "hub/pull.h"
#include "io/diffusers_layout.h"
#include "model/run_folder.h"
#include "run/reporter.h"

namespace ddim {

using namespace engine;
namespace {

hub::Settings in_our_name(hub::Settings settings) {
  settings.user_agent = concat("ddim/", version());
  return settings;
}

std::optional<std::filesystem::path> shipped_model(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) return std::nullopt;
  for (const std::filesystem::path& folder : shipped_folders())
    if (is_there(folder / name / io::kModelIndexFile)) return folder / name;
  return std::nullopt;
}

/// Of a folder: the data set fashion-mnist, which has a shipped model's name.
bool holds_no_model(const std::filesystem::path& folder) {
  const io::DiffusersLayout whole, at_the_top{.unet = "", .scheduler = ""};
  const std::string marks[] = {io::kModelIndexFile, whole.unet_config(), at_the_top.unet_config(),
                               model::kCheckpointsFolder};
  return is_folder(folder) &&
         std::ranges::none_of(marks, [&](const auto& mark) { return is_there(folder / mark); });
}

/// Shows how many bytes have come.
class PullDisplay {
 public:
  explicit PullDisplay(const PullOptions& options)
      : options_(options), display_(std::clog, run::style_of(options.show_progress), "kB") {}

  void update(std::uint64_t bytes_done, std::uint64_t bytes) {
    const PullProgress progress{.bytes_done = static_cast<std::int64_t>(bytes_done),
                                .bytes = static_cast<std::int64_t>(bytes)};
    if (!begun_) display_.begin(0, kilobytes(progress.bytes));
    begun_ = true;
    display_.update(kilobytes(progress.bytes_done), "");
    if (options_.progress) options_.progress(progress);
  }

 private:
  static std::int64_t kilobytes(std::int64_t bytes) { return (bytes + 999) / 1000; }

  const PullOptions& options_;
  Progress display_;
  bool begun_ = false;
};

}  // namespace

PullResult pull_model(const PullOptions& options) {
  const auto repository = hub::parse_repository(options.model);
  require(repository.has_value(), "\"", options.model,
          "\" is not the name of a model on the hub; expected OWNER/NAME or OWNER/NAME@REVISION");
  PullDisplay display(options);
  const auto report = [&](const hub::PullState& state) {
    display.update(state.bytes_done, state.bytes);
  };
  const hub::Pulled pulled =
      hub::pull(in_our_name(hub::settings_of_process()), *repository, report, options.stop);
  return {.folder = pulled.snapshot,
          .commit = pulled.commit,
          .files = pulled.files,
          .bytes = static_cast<std::int64_t>(pulled.bytes),
          .bytes_fetched = static_cast<std::int64_t>(pulled.bytes_fetched)};
}

PullResult pull_inception(const PullOptions& options) {
  const hub::Settings from = in_our_name(hub::server_settings_of_process());
  const hub::PublishedFile file{.url = from.inception_url,
                                .path = hub::torch_checkpoints_of_process() / kInceptionFile};
  PullDisplay display(options);
  const auto report = [&](const hub::DownloadState& state) {
    display.update(state.bytes_done, state.bytes.value_or(state.bytes_done));
  };
  const hub::FetchedFile fetched = hub::fetch_published(from, file, report, options.stop);
  return {.folder = file.path.parent_path(),
          .commit = fetched.sha256,
          .files = {kInceptionFile},
          .bytes = static_cast<std::int64_t>(fetched.bytes),
          .bytes_fetched = static_cast<std::int64_t>(fetched.bytes_fetched)};
}

std::filesystem::path find_model(const std::string& model, MissingModel missing,
                                 PullOptions options) {
  const auto shipped = shipped_model(model);
  if (is_there(model) && !(shipped && holds_no_model(model)))
    return model::newest_checkpoint(model);
  if (shipped) return *shipped;
  if (!model.empty() && model.find('/') == std::string::npos) {
    fail(ErrorCode::user, model,
         ": no such file or folder, and no shipped model of this name; `ddim models` lists what "
         "there is");
  }
  const auto repository = hub::parse_repository(model);
  if (!repository) return model;
  try {
    return hub::find_snapshot(hub::cache_of_process(), *repository);
  } catch (const Error& error) {
    if (missing == MissingModel::refuse || error.code() != ErrorCode::user) throw;
  }
  options.model = model;
  return pull_model(options).folder;
}

}  // namespace ddim
