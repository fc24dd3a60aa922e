#include "diffusion/prediction.h"

#include <cmath>

namespace ddim::engine::diffusion {

FromOutput x0_from_output(Prediction prediction, double alpha_bar) {
  switch (prediction) {
    case Prediction::eps:
      return {.from_x = 1.0 / std::sqrt(alpha_bar),
              .from_output = -std::sqrt((1.0 - alpha_bar) / alpha_bar)};
    case Prediction::x0:
      return {.from_x = 0.0, .from_output = 1.0};
    case Prediction::v:
      return {.from_x = std::sqrt(alpha_bar), .from_output = -std::sqrt(1.0 - alpha_bar)};
  }
  return {};
}

FromOutput eps_from_output(Prediction prediction, double alpha_bar) {
  switch (prediction) {
    case Prediction::eps:
      return {.from_x = 0.0, .from_output = 1.0};
    case Prediction::x0:
      return {.from_x = 1.0 / std::sqrt(1.0 - alpha_bar),
              .from_output = -std::sqrt(alpha_bar / (1.0 - alpha_bar))};
    case Prediction::v:
      return {.from_x = std::sqrt(1.0 - alpha_bar), .from_output = std::sqrt(alpha_bar)};
  }
  return {};
}

Target training_target(Prediction prediction, double alpha_bar) {
  switch (prediction) {
    case Prediction::eps:
      return {.from_x0 = 0.0, .from_eps = 1.0};
    case Prediction::x0:
      return {.from_x0 = 1.0, .from_eps = 0.0};
    case Prediction::v:
      return {.from_x0 = -std::sqrt(1.0 - alpha_bar), .from_eps = std::sqrt(alpha_bar)};
  }
  return {};
}

}  // namespace ddim::engine::diffusion
