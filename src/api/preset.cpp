#include <ddim/preset.h>

#include "api/model_implementation.h"
#include "base/error.h"

namespace ddim {
namespace {

TauKind tau_of(const io::SchedulerFileConfig& file) {
  if (file.timestep_spacing == "leading") return TauKind::diffusers_leading;
  if (file.timestep_spacing == "trailing") return TauKind::diffusers_trailing;
  if (file.timestep_spacing == "linspace") return TauKind::diffusers_linspace;
  fail(ErrorCode::user, "scheduler_config.json: timestep_spacing is \"", file.timestep_spacing,
       "\"; diffusers knows \"leading\", \"trailing\" and \"linspace\"");
}

/// "x0 clipped to [-1, 1]"
std::string clipping_text(const io::SchedulerFileConfig& file) {
  if (file.thresholding)
    return concat("x0 thresholded at its ", file.dynamic_thresholding_ratio, " quantile");
  if (file.clip_sample)
    return concat("x0 clipped to [-", file.clip_sample_range, ", ", file.clip_sample_range, "]");
  return "nothing clipped";
}

}  // namespace

Preset as_diffusers(const Model& model) {
  const io::SchedulerFileConfig& file = model.implementation().model.scheduler_config;
  Preset preset;
  const TauKind tau = tau_of(file);
  preset.options.tau = tau;
  SamplerDetails& details = preset.options.details;
  if (tau == TauKind::diffusers_leading) details.steps_offset = file.steps_offset;
  if (!file.set_alpha_to_one) details.final_alpha = FinalAlpha::first;
  if (file.thresholding) {
    preset.options.clip = Clip::threshold_keep_eps;
    details.threshold_ratio = file.dynamic_thresholding_ratio;
    details.threshold_max = file.sample_max_value;
  } else if (file.clip_sample) {
    preset.options.clip = Clip::keep_eps;
    details.clip_range = file.clip_sample_range;
  }
  preset.description =
      concat("as diffusers' DDIMScheduler: ", file.timestep_spacing, " steps",
             details.steps_offset == 0 ? "" : concat(" with offset ", details.steps_offset), ", ",
             clipping_text(file), ", last step to ",
             file.set_alpha_to_one ? "the clean image"
                                   : "the first training step, which leaves a little noise");
  return preset;
}

Preset as_paper(const Model& model) {
  const io::SchedulerFileConfig& file = model.implementation().model.scheduler_config;
  Preset preset;
  preset.description = "as the DDIM paper: equal steps up to the last, nothing clipped";
  if (file.thresholding || file.clip_sample)
    preset.description +=
        concat("; its scheduler file has ", clipping_text(file), ", which --as diffusers does");
  return preset;
}

}  // namespace ddim
