#pragma once

#include <ddim/model_overrides.h>
#include <ddim/unet_config.h>

#include <string>
#include <vector>

#include "io/diffusers_config.h"

namespace ddim::engine::model {

/// Sets the size of the pictures where the overrides have one.
void apply_size(const ModelOverrides& overrides, io::UNetFileConfig& file);
void apply_size(const ModelOverrides& overrides, UNetConfig& config);
/// The same for a network that is complete: errors as validate(), beginning with the name of its
/// file and what was given.
void resize(const ModelOverrides& overrides, const std::string& file_name, UNetConfig& config);

/// Sets what the overrides have of the forward process. A list of betas, and a class without betas,
/// give way to a schedule. Error(user), naming `file_name`, for BetaKind::list, and for the ends of
/// the betas or T beside a list of betas.
void apply_process(const ModelOverrides& overrides, io::SchedulerFileConfig& file,
                   const std::string& file_name);

/// A file's name for errors, with what was given in place of what it says: "config.json, with size
/// 3x3 as given".
std::string named_with_size(const std::string& file_name, const ModelOverrides& overrides);
/// The same of the forward process.
std::string named_with_process(const std::string& file_name, const ModelOverrides& overrides);

/// A sentence about all that was given, or nothing.
std::vector<std::string> notes_on(const ModelOverrides& overrides);

/// The scheduler file of a model that has none: as the overrides say. Error(user), naming the file
/// that is missing, without a schedule.
io::SchedulerFileConfig scheduler_from(const ModelOverrides& overrides,
                                       const std::string& missing_file);

}  // namespace ddim::engine::model
