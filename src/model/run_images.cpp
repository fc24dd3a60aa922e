#include "model/run_images.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/error.h"
#include "model/activation_memory.h"
#include "model/image_workers.h"
#include "tensor/kernels.h"

namespace ddim::model {
namespace {

using diffusion::Flow;

/// [N,C,H,W]
Shape image_shape(const UNetConfig& config, std::int64_t count) {
  return {count, config.in_channels, config.height(), config.width()};
}

/// [N,H,W,C]
Shape activation_shape(const UNetConfig& config, std::int64_t count) {
  return {count, config.height(), config.width(), config.in_channels};
}

/// out[n,b,a] = in[n,a,b]. Between NCHW (a channels, b pixels) and NHWC (a pixels, b channels).
void swap_last_axes(std::span<const float> in, std::int64_t a, std::int64_t b,
                    std::span<float> out) {
  const auto num_a = static_cast<std::size_t>(a), num_b = static_cast<std::size_t>(b);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t n = i / (num_a * num_b), row = i / num_b % num_a, column = i % num_b;
    out[n * num_a * num_b + column * num_a + row] = in[i];
  }
}

/// Where the images of a micro-batch begin in the run's, and how many numbers they are.
struct Range {
  std::size_t begin, size;
};
Range range_of(const MicroBatch& batch) {
  const auto size = static_cast<std::size_t>(batch.shape.size());
  return {static_cast<std::size_t>(batch.first) * (size / static_cast<std::size_t>(batch.shape[0])),
          size};
}

void check(const UNetConfig& config, const RunOptions& options) {
  require(config.in_channels == config.out_channels, "the network turns ", config.in_channels,
          " channels into ", config.out_channels,
          "; a network that predicts noise keeps their number");
  require(options.count >= 1, "count: ", options.count, " images; expected at least 1");
  constexpr std::int64_t kMaxIndex = std::numeric_limits<std::uint32_t>::max();
  require(options.first_image + (options.count - 1) <= kMaxIndex, "count: image indices end at ",
          kMaxIndex, "; ", options.count, " images from ", options.first_image, " go beyond");
}

/// The network as a sampler sees it, for the images from `first_image`.
diffusion::Denoiser make_denoiser(const UNet& unet, const ClassCondition& condition,
                                  std::uint32_t first_image) {
  return [&unet, &condition, first_image](const Tensor& x, double t) {
    return predict(unet, x, t, first_image, condition);
  };
}

/// What the process asks for on a dry device, which is what it asks for in its first calls of the
/// network: no process keeps more than a few of their results.
std::size_t bytes_of(const UNet& unet, const ClassCondition& condition, std::int64_t num_images,
                     const ImageProcess& process) {
  return activation_bytes([&](const Device& device) {
    constexpr int kRehearsedCalls = 8;
    const diffusion::Denoiser denoiser = [network = make_denoiser(unet, condition, 0),
                                          num_calls = 0](const Tensor& x, double t) mutable {
      return ++num_calls <= kRehearsedCalls ? network(x, t) : empty_like(x);
    };
    const std::function<Flow()> step_done = [] { return Flow::proceed; };
    process({.device = device,
             .denoiser = denoiser,
             .first = 0,
             .first_image = 0,
             .shape = activation_shape(unet.config(), num_images),
             .step_done = step_done,
             .is_rehearsal = true});
  });
}

/// Adds up the steps of all workers and passes them on.
class SharedProgress {
 public:
  SharedProgress(const RunOptions& options)
      : callback_(options.progress), total_(options.count * options.steps_per_image) {}

  Flow add(std::int64_t num_image_steps) {
    const std::lock_guard lock(mutex_);
    done_ += num_image_steps;
    // Once stopped, the other workers stop at their next step without asking again.
    if (flow_ == Flow::proceed && callback_) flow_ = callback_(done_, total_);
    return flow_;
  }

 private:
  const std::function<Flow(std::int64_t, std::int64_t)>& callback_;
  const std::int64_t total_;
  std::mutex mutex_;
  std::int64_t done_ = 0;
  Flow flow_ = Flow::proceed;
};

}  // namespace

Tensor MicroBatch::upload(std::span<const float> images) const {
  const auto [begin, size] = range_of(*this);
  std::vector<float> host(size);
  swap_last_axes(images.subspan(begin, size), shape[3], shape[1] * shape[2], host);
  Tensor x(device, shape);  // [N,H,W,C]
  device.kernels().upload(host, x);
  return x;
}

std::vector<float> MicroBatch::planes_of(const Tensor& x) const {
  std::vector<float> host(static_cast<std::size_t>(x.size())), planes(host.size());
  device.kernels().download(x, host);
  swap_last_axes(host, shape[1] * shape[2], shape[3], planes);
  return planes;
}

void MicroBatch::download(const Tensor& x, std::span<float> images) const {
  std::ranges::copy(planes_of(x),
                    images.begin() + static_cast<std::ptrdiff_t>(range_of(*this).begin));
}

ImageRun run_images(const UNet& unet, const RunOptions& options, const ImageProcess& process) {
  const UNetConfig& config = unet.config();
  check(config, options);
  check_condition(config, options.condition);
  ImageRun result;
  result.shape = image_shape(config, options.count);
  result.images.resize(static_cast<std::size_t>(result.shape.size()));

  ImageWorkers workers(
      unet.parameters().front()->value.device(),
      {.num_images = options.count, .batch = options.batch, .num_threads = options.num_threads});
  workers.reserve(bytes_of(unet, options.condition, workers.largest_micro_batch(), process));

  SharedProgress progress(options);
  workers.run([&](const Device& device, std::int64_t first, std::int64_t num_images) {
    const auto first_image = options.first_image + static_cast<std::uint32_t>(first);
    const diffusion::Denoiser denoiser = make_denoiser(unet, options.condition, first_image);
    const std::function<Flow()> step_done = [&] { return progress.add(num_images); };
    const MicroBatch batch{.device = device,
                           .denoiser = denoiser,
                           .first = first,
                           .first_image = first_image,
                           .shape = activation_shape(config, num_images),
                           .step_done = step_done,
                           .is_rehearsal = false};
    batch.download(process(batch), result.images);
  });
  result.num_step_allocations = workers.num_allocations_since_reserve();
  return result;
}

void check_images(const UNet& unet, std::int64_t count, std::span<const float> images,
                  const char* name) {
  const Shape shape = image_shape(unet.config(), count);
  require(std::ssize(images) == shape.size(), name, ": ", images.size(), " numbers; expected ",
          shape.size(), " for ", shape);
  require(std::ranges::all_of(images, [](float x) { return std::isfinite(x); }), name,
          ": holds NaN or infinity");
}

}  // namespace ddim::model
