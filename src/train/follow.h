#pragma once

#include <ddim/train.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "comm/communicator.h"
#include "tensor/device.h"
#include "train/train_config.h"

namespace ddim::engine::train {

/// What the first rank tells the others before they begin. By all ranks.
struct TrainRequest {
  TrainConfig config;
  std::filesystem::path data;
};
TrainRequest share_request(comm::Communicator& ranks, const TrainRequest& request);

/// Error(user) on all ranks, naming the first that differs, unless all have the same training
/// pictures and compute with the same instructions. By all ranks.
void require_same_everywhere(comm::Communicator& ranks, const Device& device,
                             std::uint32_t data_fingerprint);

/// run_training() of a rank that is not the first: it does what the first says, writes nothing, and
/// takes only `stop` and `show_progress` of the options; the first has the others.
TrainSummary follow_training(const TrainOptions& options,
                             const std::shared_ptr<comm::Communicator>& communicator);

}  // namespace ddim::engine::train
