#pragma once

#include <array>
#include <cmath>

#include "diffusion/prediction.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"

namespace ddim::engine::diffusion {

/// A mixture of two normal distributions on the line, for every element of a tensor by itself: the
/// exact eps(x_t, t) is known in closed form.
class Mixture {
 public:
  explicit Mixture(const Schedule& schedule, Prediction prediction = Prediction::eps)
      : schedule_(schedule), prediction_(prediction) {}

  double eps(double x, double alpha_bar) const {
    double density = 0.0, slope = 0.0;
    for (const Part& part : kParts) {
      const double variance = alpha_bar * part.deviation * part.deviation + 1.0 - alpha_bar;
      const double distance = x - std::sqrt(alpha_bar) * part.mean;
      const double p =
          part.weight * std::exp(-0.5 * distance * distance / variance) / std::sqrt(variance);
      density += p;
      slope -= p * distance / variance;
    }
    return -std::sqrt(1.0 - alpha_bar) * slope / density;
  }

  /// As a network that was trained to the end, in doubles.
  Tensor operator()(const Tensor& x, double t) const {
    const double alpha_bar = schedule_.alpha_bar_at(t);
    Tensor output = empty_like(x);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const double x_t = x.data<double>()[i];
      const double e = eps(x_t, alpha_bar);
      const double x_0 = (x_t - std::sqrt(1.0 - alpha_bar) * e) / std::sqrt(alpha_bar);
      const Target target = training_target(prediction_, alpha_bar);
      output.data<double>()[i] =
          prediction_ == Prediction::eps ? e : target.from_x0 * x_0 + target.from_eps * e;
    }
    return output;
  }

 private:
  struct Part {
    double weight, mean, deviation;
  };
  static constexpr std::array<Part, 2> kParts = {{{.weight = 0.4, .mean = -1.0, .deviation = 0.5},
                                                  {.weight = 0.6, .mean = 0.8, .deviation = 0.4}}};

  const Schedule& schedule_;
  Prediction prediction_;
};

}  // namespace ddim::engine::diffusion
