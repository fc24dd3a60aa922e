#pragma once

#include <ddim/forward_process.h>

#include <string>

#include "diffusion/schedule.h"
#include "io/diffusers_config.h"

namespace ddim::engine::model {

/// T: the length of trained_betas, or num_train_timesteps.
std::int64_t num_steps_of(const io::SchedulerFileConfig& file);

/// The forward process that scheduler_config.json describes: trained_betas, or its beta_schedule;
/// rescaled to a zero terminal SNR where it says so; and the network's prediction. Error(user),
/// naming `file_name` and the field, for a class without betas, a schedule that is none of BetaKind
/// and a prediction_type that is none of Prediction.
ForwardProcess process_of(const io::SchedulerFileConfig& file, const std::string& file_name);

/// Its schedule. Error(user), naming `file_name`, for numbers that cannot be.
diffusion::Schedule schedule_of(const ForwardProcess& process, const std::string& file_name);

/// A scheduler_config.json of this forward process, to be sampled as the paper does: eta family,
/// predicted x0 not clipped. A list of betas, and sigmoid ones, which diffusers' DDIMScheduler does
/// not know, are written as trained_betas.
io::SchedulerFileConfig file_config(const ForwardProcess& process);

}  // namespace ddim::engine::model
