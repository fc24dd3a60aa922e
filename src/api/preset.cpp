#include <ddim/preset.h>

#include "api/model_implementation.h"
#include "base/error.h"

namespace ddim {

using namespace engine;
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
  return "no clipping";
}

}  // namespace

Preset as_diffusers(const Model& model) {
  const io::SchedulerFileConfig& file = ModelAccess::loaded(model, "as_diffusers").scheduler_config;
  Preset preset;
  const TauKind tau = tau_of(file);
  preset.options.tau = tau;
  PlanOptions& options = preset.options;
  if (tau == TauKind::diffusers_leading) options.steps_offset = file.steps_offset;
  if (!file.set_alpha_to_one) options.final_alpha = FinalAlpha::first;
  if (file.thresholding) {
    options.clip = {.bound = Clip::Bound::quantile,
                    .quantile = file.dynamic_thresholding_ratio,
                    .max = file.sample_max_value};
  } else if (file.clip_sample) {
    options.clip = {.bound = Clip::Bound::range, .range = file.clip_sample_range};
  }
  preset.description =
      concat("as diffusers' DDIMScheduler: ", file.timestep_spacing, " steps",
             options.steps_offset == 0 ? "" : concat(" with offset ", options.steps_offset), ", ",
             clipping_text(file), ", last step to ",
             file.set_alpha_to_one ? "the clean image"
                                   : "the first training step (a little noise remains)");
  return preset;
}

Preset as_paper(const Model& model) {
  Preset preset{.description = "as in the DDIM paper: evenly spaced steps, no clipping"};
  if (!ModelAccess::is_loaded(model)) return preset;
  const io::SchedulerFileConfig& file = ModelAccess::loaded(model, "as_paper").scheduler_config;
  if (file.thresholding || file.clip_sample)
    preset.description += concat("; the model's scheduler file asks for ", clipping_text(file));
  return preset;
}

}  // namespace ddim
