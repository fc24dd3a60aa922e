#pragma once

#include <ddim/forward_process.h>

namespace ddim::engine::diffusion {

/// A linear function of the state and the network's output: from_x x_t + from_output output.
struct FromOutput {
  double from_x = 0.0;
  double from_output = 0.0;
};

/// x_0 as the output tells it (eq. 9 for eps). Not finite for eps and alpha_bar = 0, where x_t says
/// nothing of the image.
FromOutput x0_from_output(Prediction prediction, double alpha_bar);

/// eps as the output tells it. Not finite for x0 and alpha_bar = 1, where x_t holds no noise.
FromOutput eps_from_output(Prediction prediction, double alpha_bar);

/// What the network is trained to return: from_x0 x_0 + from_eps eps.
struct Target {
  double from_x0 = 0.0;
  double from_eps = 0.0;
};
Target training_target(Prediction prediction, double alpha_bar);

}  // namespace ddim::engine::diffusion
