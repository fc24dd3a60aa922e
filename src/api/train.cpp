#include <ddim/train.h>

#include "api/training_quality.h"
#include "backend/make_device.h"
#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "train/config_digest.h"
#include "train/follow.h"
#include "train/loss_plot.h"
#include "train/metrics.h"
#include "train/run.h"
#include "train/train_config.h"

namespace ddim {

using namespace engine;

TrainSummary train_model(const TrainOptions& options) {
  require(options.device == DeviceKind::cpu || options.ranks.size() == 1,
          "train: ", options.ranks.size(), " processes train together on CPUs only; with --device ",
          to_string(options.device), ", start one");
  if (!options.ranks.is_first())
    return train::follow_training(options, options.ranks.communicator());
  const TrainConfig config = train::with_overrides(options.config, options.overrides);
  // Made now, so that what it lacks is told first.
  train::MeasureQuality measure;
  if (config.output.evaluate_every_steps > 0) measure = make_quality_measure(config);
  return train::run_training(
      options, make_device(options.device, {.precision = config.training.precision}), measure);
}

namespace {

void require_run_folder(const std::filesystem::path& run) {
  require(is_folder(run), run.string(), ": there is no such folder");
}

}  // namespace

TrainConfig config_of_run(const std::filesystem::path& run) {
  require_run_folder(run);
  return train::read_config_of_run(run);
}

std::string plot_run(const std::filesystem::path& run) {
  require_run_folder(run);
  const TrainConfig config = train::last_known_config_of_run(run);
  train::RunCurves curves;
  train::MetricsReader(run).read_on([&](const train::MetricsLine& line) { curves.add(line); });
  require(!curves.empty(), run.string(),
          ": no metrics yet; a run writes the first after output.log_every_steps (",
          config.output.log_every_steps, ") steps");
  return curves.svg(train::name_of_run(run, config));
}

void plot_run_to_file(const std::filesystem::path& run, const std::filesystem::path& file,
                      Overwrite overwrite) {
  write_file_durably(file, plot_run(run), overwrite);
}

}  // namespace ddim
