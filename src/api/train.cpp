#include <ddim/train.h>

#include "backend/make_device.h"
#include "train/run.h"

namespace ddim {

using namespace engine;

TrainSummary train_model(const TrainOptions& options) {
  return train::run_training(
      options, make_device(DeviceKind::cpu, {.precision = options.config.training.precision}));
}

}  // namespace ddim
