#pragma once

#include <ddim/model.h>
#include <ddim/sample.h>

#include <functional>
#include <vector>

#include "diffusion/sampler.h"

namespace ddim {

/// What SampleOptions::init means to model::generate.
struct InitStart {
  std::vector<float> pictures = {};  ///< [count,C,H,W]
  std::vector<float> x_T = {};       ///< their encoding, with InitBy::encoding
  std::vector<double> kept = {};     ///< [H,W], with a mask: 1 where a pixel is kept
};

/// Error(user) for pictures, a mask or options that do not fit; errors as encode(). `options.init`
/// must be there.
InitStart make_init_start(const Model& model, const SampleOptions& options,
                          const PlanOptions& plan);

}  // namespace ddim
