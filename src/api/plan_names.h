#pragma once

#include <ddim/plan.h>

#include "diffusion/plan.h"

/// The public enumerations of <ddim/plan.h> and those of the diffusion room, value for value.
namespace ddim {

diffusion::TauKind of(TauKind kind);
diffusion::SamplerKind of(Sampler sampler);
diffusion::Clip of(Clip clip);
diffusion::BetaKind of(BetaKind kind);
diffusion::Prediction of(Prediction prediction);
Prediction of(diffusion::Prediction prediction);

}  // namespace ddim
