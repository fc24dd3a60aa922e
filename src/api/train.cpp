#include <ddim/train.h>

#include <atomic>
#include <iostream>

#include "api/num_threads.h"
#include "api/progress_style.h"
#include "backend/make_device.h"
#include "base/peak_memory.h"
#include "train/run.h"
#include "train/train_config.h"

namespace ddim {
namespace {

TrainEnding ending_of(train::Ending ending) {
  switch (ending) {
    case train::Ending::finished:
      return TrainEnding::finished;
    case train::Ending::step_limit:
      return TrainEnding::step_limit;
    case train::Ending::interrupted:
      return TrainEnding::interrupted;
  }
  return {};
}

}  // namespace

TrainSummary train_model(const TrainOptions& options) {
  train::TrainConfig config = train::load_train_config(options.config);
  if (options.threads) config.training.threads = num_threads_of(*options.threads);
  if (options.seed) config.training.seed = *options.seed;

  std::atomic<bool> stop = false;
  const std::stop_callback on_stop(options.stop, [&] { stop = true; });
  Progress progress(std::clog, style_of(options.show_progress), "steps");
  const train::TrainResult result = train::run_training(
      config, {.data = options.data, .out = options.out},
      make_device(BackendKind::cpu, {.precision = config.training.precision}),
      {.start = options.start == Start::resume ? train::Start::resume : train::Start::fresh,
       .init = options.init,
       .max_steps = options.max_steps,
       .stop = &stop,
       .progress = &progress});
  return {.ending = ending_of(result.ending),
          .steps = result.steps,
          .steps_here = result.steps_here,
          .steps_refused = result.refused,
          .loss = result.loss,
          .ms_per_image = result.ms_per_image,
          .peak_memory_bytes = peak_memory_bytes(),
          .checkpoint = result.checkpoint};
}

}  // namespace ddim
