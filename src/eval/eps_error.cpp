#include "eval/eps_error.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/error.h"
#include "model/activation_memory.h"
#include "model/image_workers.h"
#include "nn/find_nonfinite.h"
#include "tensor/kernels.h"

namespace ddim::eval {
namespace {

/// What of each image counts.
struct Crop {
  std::int64_t size, inner, channels;  // pixels, pixels
  std::int64_t margin() const { return (size - inner) / 2; }
};

/// Number of images.
std::int64_t check(const UNetConfig& config, const diffusion::Schedule& schedule,
                   std::span<const float> images, const EpsErrorOptions& options) {
  require(config.in_channels == config.out_channels, "eps_error: the network turns ",
          config.in_channels, " channels into ", config.out_channels,
          "; a network that predicts noise keeps their number");
  require(config.height() == config.width(), "eps_error: the network's images are ",
          config.height(), "x", config.width(), "; only square ones are supported");
  const std::int64_t size = config.sample_size;
  const std::int64_t image_size = size * size * config.in_channels;
  const std::int64_t num_images = std::ssize(images) / image_size;
  require(std::ssize(images) % image_size == 0 && num_images >= 2, "eps_error: ", images.size(),
          " numbers; expected at least two images of ", Shape{size, size, config.in_channels});
  require(std::ranges::all_of(images, [](float x) { return std::abs(x) <= 1.0F; }),
          "eps_error: images must lie in [-1, 1]");
  require(!options.t.empty(), "eps_error: no t given");
  for (const std::int64_t t : options.t)
    require(t >= 0 && t < schedule.num_steps(), "eps_error: t is ", t, "; expected 0 to ",
            schedule.num_steps() - 1);
  require(options.labels.empty() || std::ssize(options.labels) == num_images,
          "eps_error: ", options.labels.size(), " labels for ", num_images, " images");
  const std::int64_t inner = options.inner_size.value_or(size);
  require(inner >= 1 && inner <= size && (size - inner) % 2 == 0, "eps_error: inner size ", inner,
          " does not lie in the middle of ", size, " pixels");
  return num_images;
}

/// Mean of (a - b)^2 over the crop of one image [H,W,C], added up in the order of memory.
double mean_squared_difference(std::span<const float> a, std::span<const float> b,
                               const Crop& crop) {
  double sum = 0.0;
  for (std::int64_t row = 0; row < crop.inner; ++row) {
    const std::int64_t begin = ((row + crop.margin()) * crop.size + crop.margin()) * crop.channels;
    for (std::int64_t i = begin; i < begin + crop.inner * crop.channels; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const double difference = static_cast<double>(a[index]) - b[index];
      sum += difference * difference;
    }
  }
  return sum / static_cast<double>(crop.inner * crop.inner * crop.channels);
}

EpsError summarize(std::int64_t t, std::span<const double> errors) {
  const auto n = static_cast<double>(errors.size());
  double mean = 0.0, variance = 0.0;
  for (const double error : errors) mean += error / n;
  for (const double error : errors) variance += (error - mean) * (error - mean) / (n - 1.0);
  return {.t = t, .mean_squared_error = mean, .half_width_95 = 1.96 * std::sqrt(variance / n)};
}

}  // namespace

std::vector<EpsError> eps_error(const UNet& unet, const diffusion::Schedule& schedule,
                                std::span<const float> images, const EpsErrorOptions& options) {
  const UNetConfig& config = unet.config();
  const std::int64_t num_images = check(config, schedule, images, options);
  const Crop crop{.size = config.sample_size,
                  .inner = options.inner_size.value_or(config.sample_size),
                  .channels = config.in_channels};
  const auto image_size = images.size() / static_cast<std::size_t>(num_images);

  const std::vector<double> classes(options.labels.begin(), options.labels.end());
  /// eps_pred at t of [N,H,W,C] host values, those of images first .. first+n-1.
  const auto predict = [&](const Device& device, std::span<const float> x_t, std::size_t first,
                           std::int64_t n, std::int64_t t) {
    Tensor x(device, {n, crop.size, crop.size, crop.channels});  // [N,H,W,C]
    device.kernels().upload(x_t, x);
    const std::vector<double> times(static_cast<std::size_t>(n), static_cast<double>(t));
    ClassLabels labels;
    if (!classes.empty()) labels.numbers = std::span(classes).subspan(first, times.size());
    Tape tape;
    Tensor eps_pred = unet(tape, x, times, labels).value();  // [N,H,W,C]
    if (!device.kernels().all_finite(eps_pred))
      fail(ErrorCode::numeric, "eps_error: NaN or infinity in layer ",
           find_nonfinite(unet, x, times, labels).value_or("unknown"), " at t = ", t);
    if (options.prediction != diffusion::Prediction::eps) {
      const diffusion::FromOutput eps =
          diffusion::eps_from_output(options.prediction, schedule.alpha_bar(t));
      const double factors[] = {eps.from_x, eps.from_output};
      const Tensor terms[] = {x, eps_pred};
      device.kernels().linear_combination(factors, terms, eps_pred);
    }
    return to_host(eps_pred);
  };

  model::ImageWorkers workers(
      unet.parameters().front()->value.device(),
      {.num_images = num_images, .batch = options.batch, .num_threads = options.num_threads});
  workers.reserve(model::activation_bytes([&](const Device& device) {
    const std::int64_t n = workers.largest_micro_batch();
    predict(device, images.first(static_cast<std::size_t>(n) * image_size), 0, n,
            options.t.front());
  }));

  // [t][image]
  std::vector<std::vector<double>> errors(
      options.t.size(), std::vector<double>(static_cast<std::size_t>(num_images)));
  std::mutex mutex;
  std::int64_t done = 0;
  workers.run([&](const Device& device, std::int64_t first, std::int64_t n) {
    const auto begin = static_cast<std::size_t>(first), count = static_cast<std::size_t>(n);
    const auto x_0 = images.subspan(begin * image_size, count * image_size);
    std::vector<float> eps(x_0.size()), x_t(x_0.size());
    for (std::size_t i = 0; i < options.t.size(); ++i) {
      const std::int64_t t = options.t[i];
      const double signal = std::sqrt(schedule.alpha_bar(t));
      const double noise = std::sqrt(1.0 - schedule.alpha_bar(t));
      const NoiseKey key{.seed = options.seed,
                         .purpose = Purpose::evaluation,
                         .step = static_cast<std::uint32_t>(t)};
      for (std::size_t k = 0; k < count; ++k)
        fill_normal(key, static_cast<std::uint32_t>(begin + k),
                    std::span(eps).subspan(k * image_size, image_size));
      for (std::size_t j = 0; j < x_t.size(); ++j)
        x_t[j] = static_cast<float>(signal * x_0[j] + noise * eps[j]);

      const std::vector<float> eps_pred = predict(device, x_t, begin, n, t);
      for (std::size_t k = 0; k < count; ++k)
        errors[i][begin + k] =
            mean_squared_difference(std::span(eps_pred).subspan(k * image_size, image_size),
                                    std::span(eps).subspan(k * image_size, image_size), crop);

      const std::lock_guard lock(mutex);
      done += n;
      if (options.progress &&
          options.progress(done, num_images * std::ssize(options.t)) == diffusion::Flow::stop)
        fail(ErrorCode::interrupted, "eps_error: stopped");
    }
  });

  std::vector<EpsError> result;
  for (std::size_t i = 0; i < options.t.size(); ++i)
    result.push_back(summarize(options.t[i], errors[i]));
  return result;
}

}  // namespace ddim::eval
