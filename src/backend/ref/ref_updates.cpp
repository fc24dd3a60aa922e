// What runs once a step: the loss, the sampler's update, the optimizer's, and the checks on them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "backend/ref/elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {

void RefKernels::squared_error(const Tensor& prediction, const Tensor& target,
                               std::span<double> sums) {
  with_element_type(prediction, [&]<class T>() {
    for (std::size_t n = 0; n < sums.size(); ++n) {
      const auto p = prediction.slice(static_cast<std::int64_t>(n), 1).values<T>();
      const auto t = target.slice(static_cast<std::int64_t>(n), 1).values<T>();
      sums[n] = 0.0;
      for (std::size_t i = 0; i < p.size(); ++i) {
        const double difference = static_cast<double>(p[i]) - static_cast<double>(t[i]);
        sums[n] += difference * difference;
      }
    }
  });
}

void RefKernels::squared_error_backward(const Tensor& prediction, const Tensor& target,
                                        double scale, Grad dprediction) {
  if (!dprediction) return;
  with_element_type(prediction, [&]<class T>() {
    const auto p = prediction.values<T>();
    const auto t = target.values<T>();
    const auto out = dprediction.tensor.values<T>();
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double difference = static_cast<double>(p[i]) - static_cast<double>(t[i]);
      put(scale * 2.0 * difference, dprediction.write, out[i]);
    }
  });
}

void RefKernels::sampler_update(const SamplerUpdate& update, const Tensor& x_t,
                                const Tensor& output, const Tensor& z, Tensor& y, Tensor& x0_pred) {
  assert(z.defined() || update.prev_from_noise == 0.0);
  with_element_type(x_t, [&]<class T>() {
    const auto x = x_t.values<T>();
    const auto predicted = output.values<T>();
    const auto out = y.values<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double unclipped = update.x0_from_x * x[i] + update.x0_from_output * predicted[i];
      const double x0 = update.x0_scale * std::clamp(unclipped, -update.clip, update.clip);
      const double eps = update.eps_from_x * x[i] + update.eps_from_output * predicted[i] +
                         update.eps_from_x0 * x0;
      const double noise =
          update.prev_from_noise == 0.0 ? 0.0 : update.prev_from_noise * z.values<T>()[i];
      out[i] = static_cast<T>(update.prev_from_x0 * x0 + update.prev_from_eps * eps + noise);
      if (x0_pred.defined()) x0_pred.values<T>()[i] = static_cast<T>(x0);
    }
  });
}

void RefKernels::linear_combination(std::span<const double> factors, std::span<const Tensor> terms,
                                    Tensor& y) {
  with_element_type(y, [&]<class T>() {
    const auto out = y.values<T>();
    for (std::size_t i = 0; i < out.size(); ++i) {
      double sum = 0.0;
      for (std::size_t k = 0; k < terms.size(); ++k) sum += factors[k] * terms[k].values<T>()[i];
      out[i] = static_cast<T>(sum);
    }
  });
}

void RefKernels::scale_by_learned_deviation(const LearnedVariance& variance, const Tensor& v,
                                            Tensor& z) {
  const double low = std::log(variance.smallest), high = std::log(variance.largest);
  with_element_type(z, [&]<class T>() {
    const auto out = z.values<T>();
    const auto in = v.values<T>();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double fraction = (static_cast<double>(in[i]) + 1.0) / 2.0;
      const double log_variance = fraction * high + (1.0 - fraction) * low;
      out[i] = static_cast<T>(static_cast<double>(out[i]) * std::exp(log_variance / 2.0));
    }
  });
}

void RefKernels::absolute_quantile(const Tensor& x, double ratio, std::span<double> quantiles) {
  with_element_type(x, [&]<class T>() {
    for (std::size_t n = 0; n < quantiles.size(); ++n) {
      std::vector<double> sorted;
      const Tensor picture = x.slice(static_cast<std::int64_t>(n), 1);
      for (const T value : picture.values<T>())
        sorted.push_back(std::abs(static_cast<double>(value)));
      if (std::ranges::any_of(sorted, [](double value) { return std::isnan(value); })) {
        quantiles[n] = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      std::ranges::sort(sorted);
      const double place = ratio * static_cast<double>(sorted.size() - 1);
      const double below = sorted[static_cast<std::size_t>(std::floor(place))];
      const double above = sorted[static_cast<std::size_t>(std::ceil(place))];
      quantiles[n] = below + (place - std::floor(place)) * (above - below);
    }
  });
}

void RefKernels::adam(const AdamUpdate& update, const Tensor& grad, Tensor& parameter, Tensor& m,
                      Tensor& v, Tensor& ema) {
  const double correction1 = 1.0 - std::pow(update.beta1, static_cast<double>(update.step));
  const double correction2 = 1.0 - std::pow(update.beta2, static_cast<double>(update.step));
  with_element_type(parameter, [&]<class T>() {
    const auto gradients = grad.values<T>();
    const auto p = parameter.values<T>();
    const auto first = m.values<T>();
    const auto second = v.values<T>();
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double g = update.grad_scale * gradients[i];
      first[i] = static_cast<T>(update.beta1 * first[i] + (1.0 - update.beta1) * g);
      second[i] = static_cast<T>(update.beta2 * second[i] + (1.0 - update.beta2) * g * g);
      const double denominator =
          std::sqrt(static_cast<double>(second[i])) / std::sqrt(correction2) + update.epsilon;
      const double kept = (1.0 - update.learning_rate * update.weight_decay) * p[i];
      p[i] = static_cast<T>(kept - update.learning_rate / correction1 * first[i] / denominator);
      if (ema.defined()) {
        T& average = ema.values<T>()[i];
        average = static_cast<T>(update.ema_decay * average + (1.0 - update.ema_decay) * p[i]);
      }
    }
  });
  parameter.mark_modified();
  if (ema.defined()) ema.mark_modified();
}

double RefKernels::sum_of_squares(const Tensor& x) {
  return with_element_type(x, [&]<class T>() {
    double sum = 0.0;
    for (const T value : x.values<T>()) sum += static_cast<double>(value) * value;
    return sum;
  });
}

bool RefKernels::all_finite(const Tensor& x) {
  return with_element_type(x, [&]<class T>() {
    return std::ranges::all_of(x.values<T>(), [](T value) { return std::isfinite(value); });
  });
}

}  // namespace ddim::engine::ref
