#pragma once

#include <ddim/sample.h>

#include <vector>

#include "run/network.h"

namespace ddim::engine::run {

/// What SampleOptions::init means to generate().
struct InitStart {
  std::vector<float> pictures = {};  ///< [count,H,W,C]
  std::vector<float> x_T = {};       ///< their encoding, with InitBy::encoding
  std::vector<double> kept =
      {};  ///< [H,W], with a mask: 1 where a pixel is kept, 0 where it is drawn
};

/// Error(user) for pictures or a mask that do not fit. `options.init` must be there.
void check_init(const Network& network, const SampleOptions& options);

/// Errors as check_init() and encode(). `options.init` must be
/// there.
InitStart make_init_start(const TrainedNetwork& model, const Plan& plan,
                          const SampleOptions& options);

}  // namespace ddim::engine::run
