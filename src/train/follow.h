#pragma once

#include <ddim/train.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "comm/communicator.h"
#include "tensor/device.h"
#include "train/held_out.h"
#include "train/train_config.h"
#include "train/trainer.h"

namespace ddim::engine::train {

/// What the first rank tells the others before they begin. By all ranks.
struct TrainRequest {
  TrainConfig config;
  std::filesystem::path data;
};
TrainRequest share_request(comm::Communicator& ranks, const TrainRequest& request);

/// Error(user) on all ranks, naming the first that differs, unless all have the same pictures to
/// train on and to hold out, and compute with the same instructions. By all ranks.
void require_same_everywhere(comm::Communicator& ranks, const Device& device,
                             const TrainingData& data);

/// trainer.step(). An error in the numbers is one of all ranks, and the first to leave ends the
/// others: it comes out when all have called before_an_error(), which ends what is under way.
StepReport step_together(Trainer& trainer, comm::Communicator& ranks,
                         const std::function<void()>& before_an_error);

/// run_training() of a rank that is not the first: it does what the first says, writes nothing, and
/// takes only `stop` and `show_progress` of the options; the first has the others.
TrainSummary follow_training(const TrainOptions& options,
                             const std::shared_ptr<comm::Communicator>& communicator);

}  // namespace ddim::engine::train
