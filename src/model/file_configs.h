#pragma once

#include <string>

#include "diffusion/prediction.h"
#include "diffusion/schedule.h"
#include "io/diffusers_config.h"

namespace ddim::model {

/// The forward process that scheduler_config.json describes: trained_betas, or its beta_schedule;
/// rescaled to a zero terminal SNR where it says so. Throws Error(user), naming `file_name` and the
/// field, for a schedule that is none of BetaKind.
diffusion::Schedule schedule_of(const io::SchedulerFileConfig& file, const std::string& file_name);

/// What the file says that the network predicts. Error(user) for a prediction_type that is none.
diffusion::Prediction prediction_of(const io::SchedulerFileConfig& file,
                                    const std::string& file_name);

/// A scheduler_config.json of this forward process, to be sampled as the paper does: eta family,
/// predicted x0 not clipped. A list of betas, and sigmoid ones, which diffusers' DDIMScheduler does
/// not know, are written as trained_betas.
io::SchedulerFileConfig file_config(const diffusion::ScheduleOptions& schedule,
                                    diffusion::Prediction prediction);

/// Linear betas, for a network that predicts eps.
struct LinearSchedule {
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::int64_t num_steps = 1000;
};
io::SchedulerFileConfig file_config(const LinearSchedule& schedule);

}  // namespace ddim::model
