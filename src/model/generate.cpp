#include "model/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/error.h"
#include "model/activation_memory.h"
#include "model/image_workers.h"
#include "nn/find_nonfinite.h"
#include "tensor/kernels.h"

namespace ddim::model {
namespace {

using diffusion::Flow;

/// [N,C,H,W]
Shape image_shape(const UNetConfig& config, std::int64_t count) {
  return {count, config.in_channels, config.sample_size, config.sample_size};
}

/// [N,H,W,C]
Shape activation_shape(const UNetConfig& config, std::int64_t count) {
  return {count, config.sample_size, config.sample_size, config.in_channels};
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

void check(const UNet& unet, const GenerateOptions& options) {
  require(!options.plan.steps.empty(), "generate: the plan has no steps; see make_plan");
  const UNetConfig& config = unet.config();
  require(config.in_channels == config.out_channels, "generate: the network turns ",
          config.in_channels, " channels into ", config.out_channels,
          "; a network that predicts noise keeps their number");
  require(options.count >= 1, "count: ", options.count, " images; expected at least 1");
  constexpr std::int64_t kMaxIndex = std::numeric_limits<std::uint32_t>::max();
  require(options.first_image + (options.count - 1) <= kMaxIndex, "count: image indices end at ",
          kMaxIndex, "; ", options.count, " images from ", options.first_image, " go beyond");
  if (options.x_T.empty()) return;
  const Shape shape = image_shape(config, options.count);
  require(static_cast<std::int64_t>(options.x_T.size()) == shape.size(),
          "x_T: ", options.x_T.size(), " numbers; expected ", shape.size(), " for ", shape);
  require(std::ranges::all_of(options.x_T, [](float x) { return std::isfinite(x); }),
          "x_T: holds NaN or infinity");
}

/// The network as the sampler sees it, for the images from `first_image`.
diffusion::Denoiser make_denoiser(const UNet& unet, std::uint32_t first_image) {
  return [&unet, first_image, times = std::vector<double>()](const Tensor& x, double t) mutable {
    times.assign(static_cast<std::size_t>(x.dim(0)), t);
    Tape tape;
    Tensor eps_pred = unet(tape, x, times).value();  // [N,H,W,C]
    if (!x.device().kernels().all_finite(eps_pred)) {
      fail(ErrorCode::numeric, "generate: NaN or infinity in layer ",
           find_nonfinite(unet, x, times).value_or("unknown"), " at t = ", t, ", images ",
           first_image, " to ", first_image + (x.dim(0) - 1));
    }
    return eps_pred;
  };
}

/// Adds up the steps of all workers and passes them on.
class SharedProgress {
 public:
  SharedProgress(const GenerateOptions& options)
      : callback_(options.progress), total_(options.count * options.plan.nfe()) {}

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

Generated generate(const UNet& unet, const GenerateOptions& options) {
  check(unet, options);
  const UNetConfig& config = unet.config();
  const diffusion::Plan& plan = options.plan;
  Generated result;
  result.shape = image_shape(config, options.count);
  result.x_0.resize(static_cast<std::size_t>(result.shape.size()));
  result.nfe = plan.nfe();
  const std::int64_t num_pixels = config.sample_size * config.sample_size;
  const std::int64_t image_size = num_pixels * config.in_channels;

  ImageWorkers workers(
      unet.parameters().front()->value.device(),
      {.num_images = options.count, .batch = options.batch, .num_threads = options.num_threads});
  workers.reserve(activation_bytes([&](const Device& device) {
    const Tensor x_T(device, activation_shape(config, workers.largest_micro_batch()));
    diffusion::Plan one_step{.steps = {plan.steps.front()}, .options = plan.options};
    diffusion::sample(one_step, make_denoiser(unet, 0), x_T, diffusion::DrawnNoise{},
                      [](const diffusion::StepReport&) { return Flow::proceed; });
  }));

  SharedProgress progress(options);
  workers.run([&](const Device& device, std::int64_t first, std::int64_t num_images) {
    const auto offset = static_cast<std::size_t>(first * image_size);
    const auto size = static_cast<std::size_t>(num_images * image_size);
    const auto first_image = options.first_image + static_cast<std::uint32_t>(first);
    std::vector<float> host(size);

    Tensor x_T(device, activation_shape(config, num_images));  // [N,H,W,C]
    if (options.x_T.empty()) {
      diffusion::draw_initial_state(options.seed, first_image, x_T);
    } else {
      swap_last_axes(options.x_T.subspan(offset, size), config.in_channels, num_pixels, host);
      device.kernels().upload(host, x_T);
    }
    const Tensor x_0 =
        diffusion::sample(plan, make_denoiser(unet, first_image), x_T,
                          diffusion::DrawnNoise{.seed = options.seed, .first_image = first_image},
                          [&](const diffusion::StepReport&) { return progress.add(num_images); });
    device.kernels().download(x_0, host);
    swap_last_axes(host, num_pixels, config.in_channels,
                   std::span(result.x_0).subspan(offset, size));
  });
  result.num_step_allocations = workers.num_allocations_since_reserve();
  return result;
}

}  // namespace ddim::model
