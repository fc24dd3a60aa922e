#pragma once

#include <string>

#include "diffusion/schedule.h"
#include "io/diffusers_config.h"

namespace ddim::model {

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
