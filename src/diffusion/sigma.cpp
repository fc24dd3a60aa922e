#include "diffusion/sigma.h"

#include <cmath>
#include <limits>

namespace ddim::engine::diffusion {

double sigma_of_eta(double eta, double alpha_bar, double alpha_bar_prev) {
  return eta * std::sqrt((1.0 - alpha_bar_prev) / (1.0 - alpha_bar)) *
         std::sqrt(1.0 - alpha_bar / alpha_bar_prev);
}

double sigma_hat(double alpha_bar, double alpha_bar_prev) {
  return std::sqrt(1.0 - alpha_bar / alpha_bar_prev);
}

double largest_eta(double alpha_bar, double alpha_bar_prev) {
  // sqrt(1 - alpha_bar_prev) / sigma_of_eta(1, ...), with the common factor cancelled.
  if (alpha_bar_prev >= 1.0) return std::numeric_limits<double>::infinity();
  return std::sqrt((1.0 - alpha_bar) / (1.0 - alpha_bar / alpha_bar_prev));
}

}  // namespace ddim::engine::diffusion
