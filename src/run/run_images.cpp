#include "run/run_images.h"

#include <ddim/counts.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/workers.h"
#include "run/activation_memory.h"
#include "run/image_workers.h"
#include "run/reporter.h"
#include "tensor/kernels.h"

namespace ddim::engine::run {
namespace {

using diffusion::Flow;
using Output = ImageRunOptions::Output;

/// Where the images of a micro-batch begin in the run's, and how many numbers they are.
struct Range {
  std::size_t begin, size;
};
Range range_of(const MicroBatch& batch) {
  const auto size = static_cast<std::size_t>(batch.shape.size());
  return {static_cast<std::size_t>(batch.first) * (size / static_cast<std::size_t>(batch.shape[0])),
          size};
}

/// The network as a sampler sees it, for the images from `first_image`.
diffusion::Denoiser make_denoiser(const Network& network, const ImageRunOptions& options,
                                  std::uint32_t first_image) {
  return [&network, &choice = options.class_choice, output = options.output, first_image](
             const Tensor& x, double t) {
    return output == Output::prediction ? network.predict(x, t, first_image, choice)
                                        : network.predict_with_variance(x, t, first_image, choice);
  };
}

/// An output that nobody computes.
Tensor empty_output(const Tensor& x, Output output) {
  if (output == Output::prediction) return empty_like(x);
  return Tensor(x.device(), {x.dim(0), x.dim(1), x.dim(2), 2 * x.dim(3)}, x.dtype());
}

/// A call on a dry device.
Tensor rehearse(const Network& network, const ImageRunOptions& options, const Tensor& x, double t) {
  return options.output == Output::prediction
             ? network.rehearse(x, t, options.class_choice)
             : network.predict_with_variance(x, t, 0, options.class_choice);
}

/// What the process asks for on a dry device, which is what it asks for in its first calls of the
/// network: no process keeps more than a few of their results.
std::size_t bytes_of(const Network& network, const ImageRunOptions& options,
                     std::int64_t num_images, const ImageProcess& process) {
  return activation_bytes(network.device(), [&](const Device& device) {
    constexpr int kRehearsedCalls = 8;
    const diffusion::Denoiser denoiser = [&network, &options, num_calls = 0](const Tensor& x,
                                                                             double t) mutable {
      return ++num_calls <= kRehearsedCalls ? rehearse(network, options, x, t)
                                            : empty_output(x, options.output);
    };
    const std::function<Flow()> step_done = [] { return Flow::proceed; };
    process({.device = device,
             .denoiser = denoiser,
             .first = 0,
             .first_image = 0,
             .shape = activation_shape(network.shape(), num_images),
             .step_done = step_done,
             .is_rehearsal = true});
  });
}

/// Workers for the run, with the memory that they need. Where that is not the host's, micro-batches
/// are as small as it demands.
ImageWorkers make_workers(const Network& network, const ImageRunOptions& options,
                          const ImageProcess& process) {
  const Device& device = network.device();
  ImageWorkersOptions division{.num_images = options.count,
                               .batch = options.run.batch,
                               .num_threads = num_threads_of(options.run.threads)};
  if (options.one_by_one) division.most_of_micro_batch = 1;
  // A part is for weights in the layouts of kernels, and for what kernels need themselves.
  const std::optional<std::size_t> free_bytes = device.free_bytes();
  const std::size_t available =
      free_bytes ? *free_bytes / 4 * 3 : std::numeric_limits<std::size_t>::max();
  while (true) {
    ImageWorkers workers(device, division);
    const std::int64_t num_images = workers.largest_micro_batch();
    const std::size_t num_bytes = bytes_of(network, options, num_images, process);
    if (num_bytes > available && num_images > 1) {
      division.batch = num_images / 2;
      continue;
    }
    workers.reserve(num_bytes);
    return workers;
  }
}

}  // namespace

Tensor MicroBatch::upload(std::span<const float> images) const {
  const auto image_size = static_cast<std::size_t>(shape.size() / shape[0]);
  const std::size_t num_images = images.size() / image_size;
  const auto begin = static_cast<std::size_t>(first);
  const std::size_t end = begin + static_cast<std::size_t>(shape[0]);
  Tensor x(device, shape);  // [N,H,W,C]
  if (end <= num_images) {
    device.kernels().upload(images.subspan(begin * image_size, (end - begin) * image_size), x);
    return x;
  }
  std::vector<float> part;
  for (std::size_t row = begin; row < end; ++row) {
    const auto image = images.subspan(row % num_images * image_size, image_size);
    part.insert(part.end(), image.begin(), image.end());
  }
  device.kernels().upload(part, x);
  return x;
}

ImageRun run_images(const Network& network, const ImageRunOptions& options,
                    const ImageProcess& process, const PictureSink& sink) {
  check_numbers("run", options.first_image, options.count);
  network.check_classes(options.class_choice);
  const std::int64_t num_kept = sink ? 0 : options.count;
  ImageRun result{.images = {.count = num_kept, .shape = network.shape(), .values = {}}};
  result.images.values.resize(num_values_of("run", num_kept, network.shape()));

  ImageWorkers workers = make_workers(network, options, process);

  Reporter reporter(options.run, options.count, options.steps_per_image,
                    num_calls(options.class_choice));
  std::mutex sink_mutex;
  workers.run([&](const Device& device, std::int64_t first, std::int64_t num_images) {
    const auto first_image = options.first_image + static_cast<std::uint32_t>(first);
    const diffusion::Denoiser denoiser = make_denoiser(network, options, first_image);
    std::int64_t steps_left = num_images * options.steps_per_image;
    const std::function<Flow()> step_done = [&] {
      steps_left -= num_images;
      return reporter.add(num_images);
    };
    const MicroBatch batch{.device = device,
                           .denoiser = denoiser,
                           .first = first,
                           .first_image = first_image,
                           .shape = activation_shape(network.shape(), num_images),
                           .step_done = step_done,
                           .is_rehearsal = false};
    const Tensor images = process(batch);
    reporter.finish(num_images, steps_left);
    const auto [begin, size] = range_of(batch);
    if (!sink) {
      device.kernels().download(images, std::span(result.images.values).subspan(begin, size));
      return;
    }
    FloatImages finished{.count = num_images, .shape = network.shape(), .values = {}};
    finished.values.resize(size);
    device.kernels().download(images, finished.values);
    const std::lock_guard lock(sink_mutex);
    sink(first, finished);
  });
  result.steps_done = reporter.num_done();
  result.num_step_allocations = workers.num_allocations_since_reserve();
  return result;
}

void check_numbers(std::string_view name, std::int64_t first_image, std::int64_t count) {
  require(count >= 1, name, ": count must be 1 or greater; got ", count);
  require(first_image >= 0, name, ": first_image must not be negative; got ", first_image);
  const auto last = static_cast<std::uint64_t>(first_image) + static_cast<std::uint64_t>(count - 1);
  require(last < static_cast<std::uint64_t>(kMostPictures), name, ": first_image: images ",
          first_image, " to ", last, " do not all exist; the last image is ", kMostPictures - 1);
}

std::size_t num_values_of(std::string_view name, std::int64_t count, const PictureShape& shape) {
  const std::size_t most = std::vector<float>().max_size() / shape.size();
  require(static_cast<std::size_t>(count) <= most, name, ": ", count, " pictures of ",
          to_string(shape), " do not fit into memory");
  return static_cast<std::size_t>(count) * shape.size();
}

void check_size(const FloatImages& images, std::string_view name) {
  const auto& [channels, height, width] = images.shape;
  double size = static_cast<double>(images.count);  // products of what callers say could overflow
  for (const std::int64_t side : {channels, height, width}) size *= static_cast<double>(side);
  require(std::min({images.count, channels, height, width}) >= 0 &&
              static_cast<double>(images.values.size()) == size,
          name, ": ", images.values.size(), " numbers; expected ", number_text(size), " for ",
          images.count, " pictures of ", to_string(images.shape));
}

void check_values(const FloatImages& images, std::string_view name) {
  check_size(images, name);
  require(std::ranges::all_of(images.values, [](float x) { return std::isfinite(x); }), name,
          ": holds NaN or infinity");
}

void check_images(const Network& network, std::int64_t count, const FloatImages& images,
                  std::string_view name) {
  require(images.count == count && images.shape == network.shape(), name, ": ",
          count_of(images.count, "pictures"), " of ", to_string(images.shape), "; expected ", count,
          " of ", to_string(network.shape()), " (width, height, channels)");
  check_values(images, name);
}

}  // namespace ddim::engine::run
