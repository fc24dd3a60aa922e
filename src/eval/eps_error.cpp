#include "eval/eps_error.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/prediction.h"
#include "eval/interval.h"
#include "run/run_images.h"
#include "tensor/kernels.h"

namespace ddim::engine::eval {
namespace {

void check(const run::TrainedNetwork& model, const EvaluationImages& evaluated,
           const EpsErrorOptions& options) {
  const FloatImages& images = evaluated.images;
  require(images.count >= 2, "eps_error: an interval needs at least 2 images; got ", images.count);
  run::check_images(*model.network, images.count, images, "eps_error");
  require(std::ranges::all_of(images.values, [](float x) { return std::abs(x) <= 1.0F; }),
          "eps_error: images must lie in [-1, 1]");
  check_times(model, options.t);
  require(evaluated.labels.empty() || std::ssize(evaluated.labels) == images.count,
          "eps_error: ", evaluated.labels.size(), " labels for ", images.count, " images");
  const auto lies_inside = [](std::int64_t inner, std::int64_t size) {
    return inner >= 1 && inner <= size;
  };
  const auto& [height, width] = std::pair(images.shape.height, images.shape.width);
  require(lies_inside(evaluated.inner_height, height) && lies_inside(evaluated.inner_width, width),
          "eps_error: an inner part of ", evaluated.inner_width, "x", evaluated.inner_height,
          " does not lie in the middle of ", width, "x", height, " pixels");
}

/// Mean of (a - b)^2 over the inner part of one image [H,W,C], added up in the order of memory.
double mean_squared_difference(std::span<const float> a, std::span<const float> b,
                               const EvaluationImages& evaluated) {
  const auto& [channels, height, width] = evaluated.images.shape;
  const std::int64_t top = (height - evaluated.inner_height) / 2;
  const std::int64_t left = (width - evaluated.inner_width) / 2;
  const std::int64_t row_size = evaluated.inner_width * channels;
  double sum = 0.0;
  for (std::int64_t row = 0; row < evaluated.inner_height; ++row) {
    const std::int64_t begin = ((row + top) * width + left) * channels;
    for (std::int64_t i = begin; i < begin + row_size; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const double difference = static_cast<double>(a[index]) - b[index];
      sum += difference * difference;
    }
  }
  return sum / static_cast<double>(evaluated.inner_height * row_size);
}

}  // namespace

void check_times(const run::TrainedNetwork& model, std::span<const std::int64_t> t) {
  require(!t.empty(), "eps_error: no t given");
  for (const std::int64_t each : t)
    require(each >= 0 && each < model.schedule.num_steps(), "t must be from 0 to ",
            model.schedule.num_steps() - 1, "; got ", each);
}

EpsErrors eps_error(const run::TrainedNetwork& model, const EvaluationImages& evaluated,
                    const EpsErrorOptions& options) {
  check(model, evaluated, options);
  const FloatImages& images = evaluated.images;
  const std::size_t image_size = images.shape.size();
  const ClassChoice classes{.classes = evaluated.labels};
  // [t][image]
  std::vector<std::vector<double>> errors(
      options.t.size(), std::vector<double>(static_cast<std::size_t>(images.count)));

  const run::ImageProcess measure = [&](const run::MicroBatch& batch) {
    const auto begin = static_cast<std::size_t>(batch.first);
    const auto count = static_cast<std::size_t>(batch.shape[0]);
    const auto x_0 = std::span(images.values).subspan(begin * image_size, count * image_size);
    std::vector<float> eps(x_0.size()), host(x_0.size());
    Tensor x_t(batch.device, batch.shape);  // [N,H,W,C]
    Tensor eps_pred;
    for (std::size_t i = 0; i < options.t.size(); ++i) {
      const std::int64_t t = options.t[i];
      const double alpha_bar = model.schedule.alpha_bar(t);
      const double signal = std::sqrt(alpha_bar), noise = std::sqrt(1.0 - alpha_bar);
      const NoiseKey key{.seed = options.seed,
                         .purpose = Purpose::evaluation,
                         .step = static_cast<std::uint32_t>(t)};
      for (std::size_t k = 0; k < count && !batch.is_rehearsal; ++k)
        fill_normal(key, static_cast<std::uint32_t>(begin + k),
                    std::span(eps).subspan(k * image_size, image_size));
      for (std::size_t j = 0; j < host.size(); ++j)
        host[j] = static_cast<float>(signal * x_0[j] + noise * eps[j]);
      batch.device.kernels().upload(host, x_t);

      eps_pred = batch.denoiser(x_t, static_cast<double>(t));
      if (model.prediction != Prediction::eps) {
        const diffusion::FromOutput from = diffusion::eps_from_output(model.prediction, alpha_bar);
        const double factors[] = {from.from_x, from.from_output};
        const Tensor terms[] = {x_t, eps_pred};
        batch.device.kernels().linear_combination(factors, terms, eps_pred);
      }
      batch.device.kernels().download(eps_pred, host);
      for (std::size_t k = 0; k < count && !batch.is_rehearsal; ++k)
        errors[i][begin + k] =
            mean_squared_difference(std::span(host).subspan(k * image_size, image_size),
                                    std::span(eps).subspan(k * image_size, image_size), evaluated);
      if (batch.step_done() == diffusion::Flow::stop)
        fail(ErrorCode::interrupted, "eps_error: stopped");
    }
    return eps_pred;
  };
  run::run_images(*model.network,
                  {.count = images.count,
                   .class_choice = classes,
                   .steps_per_image = std::ssize(options.t),
                   .run = options.run},
                  measure);

  EpsErrors result{.images = images.count,
                   .inner_height = evaluated.inner_height,
                   .inner_width = evaluated.inner_width};
  for (std::size_t i = 0; i < options.t.size(); ++i) {
    const Interval interval = mean_interval(errors[i]);
    result.at.push_back({.t = options.t[i],
                         .mean_squared_error = interval.mean,
                         .half_width_95 = interval.half_width_95});
  }
  return result;
}

}  // namespace ddim::engine::eval
