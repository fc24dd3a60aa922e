#pragma once

#include <ddim/sample.h>

#include <span>
#include <vector>

#include "diffusion/encode.h"
#include "run/network.h"

namespace ddim::engine::run {

/// What SampleOptions::init means to generate(). Where there are fewer pictures or codes than are
/// drawn, they serve in turn. With InitBy::encoding there are codes, or the steps by which a
/// micro-batch encodes its own pictures.
struct InitStart {
  std::span<const float> pictures = {};  ///< [N,H,W,C], of the options
  std::vector<float> x_T = {};           ///< codes [N,H,W,C]
  std::vector<diffusion::EncodeStep> encoding = {};
  double evaluations = 0.0;  ///< of the network, for all codes
  std::vector<double> kept =
      {};  ///< [H,W], with a mask: 1 where a pixel is kept, 0 where it is drawn
};

/// Error(user) for pictures or a mask that do not fit, and for steps that pictures cannot be
/// encoded over. `options.init` must be there.
void check_init(const TrainedNetwork& model, const Plan& plan, const SampleOptions& options);

/// A picture that serves for all is encoded at once, for each class that it is drawn with, where
/// these are fewer. Errors as check_init() and encode(). `options.init` must be there, and outlive
/// the result.
InitStart make_init_start(const TrainedNetwork& model, const Plan& plan,
                          const SampleOptions& options);

}  // namespace ddim::engine::run
