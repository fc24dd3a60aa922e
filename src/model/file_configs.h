#pragma once

#include <string>

#include "diffusion/schedule.h"
#include "io/diffusers_config.h"
#include "nn/unet_config.h"

namespace ddim::model {

/// The network that unet/config.json asks for. Throws Error(user), naming `file_name` and the
/// field, for what UNet does not have (class embeddings, other block types, attention that the way
/// up does not mirror ...) and for what no network can be.
UNetConfig network_config(const io::UNetFileConfig& file, const std::string& file_name);

/// The opposite: a unet/config.json that diffusers builds the same network from.
io::UNetFileConfig file_config(const UNetConfig& config);

/// The forward process that scheduler_config.json describes: linear betas, or trained_betas.
/// Throws Error(user), naming `file_name` and the field, for other schedules and for networks that
/// predict something other than the noise.
diffusion::Schedule schedule_of(const io::SchedulerFileConfig& file, const std::string& file_name);

/// Linear betas, sampled as the paper does: eta family, predicted x0 not clipped.
struct LinearSchedule {
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::int64_t num_steps = 1000;
};
io::SchedulerFileConfig file_config(const LinearSchedule& schedule);

}  // namespace ddim::model
