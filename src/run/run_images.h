#pragma once

#include <ddim/image.h>
#include <ddim/picture_sink.h>
#include <ddim/run_options.h>
#include <ddim/sample.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/shape.h"
#include "diffusion/sampler.h"
#include "run/network.h"

namespace ddim::engine::run {

/// Pictures to take through a process.
struct ImageRunOptions {
  std::int64_t count = 1;  ///< images of the whole run
  std::uint32_t first_image =
      0;  ///< number of the first: its noise is a function of seed and number
  const ClassChoice& class_choice;
  /// What MicroBatch::denoiser gives: [N,H,W,C], or [N,H,W,2C] for Sampler::ddpm_learned.
  enum class Output { prediction, with_variance } output = Output::prediction;
  bool one_by_one = false;           ///< each image is a micro-batch of its own
  std::int64_t steps_per_image = 1;  ///< how often the process calls MicroBatch::step_done
  const RunOptions& run;
};

/// The images first .. first + shape[0] - 1 of a run, on their way through it.
struct MicroBatch {
  const Device& device;
  const diffusion::Denoiser& denoiser;  ///< the network; Error(numeric) for NaN, naming the layer
  std::int64_t first;                   ///< counts from the run's first image
  std::uint32_t first_image;            ///< ImageRunOptions::first_image + first
  Shape shape;                          ///< [N,H,W,C]
  /// To be called after each step; `stop` where the run is to end.
  const std::function<diffusion::Flow()>& step_done;
  bool is_rehearsal;  ///< on a dry device: nobody is to hear of it

  /// This part of the images of the run, which serve in turn where they are fewer.
  Tensor upload(std::span<const float> images) const;
};

/// What becomes of a micro-batch: [N,H,W,C]. What it makes of an image must not depend on the
/// others. It is first called on a dry device, where nothing is computed, to learn what memory it
/// needs.
using ImageProcess = std::function<Tensor(const MicroBatch&)>;

struct ImageRun {
  FloatImages images;           ///< the results of the process; none where a sink takes them
  std::int64_t steps_done = 0;  ///< summed over images
  /// How often a step asked the system for activation memory: 0, since all is planned before.
  std::int64_t num_step_allocations = 0;
};

/// Takes images through a process that calls a network: workers, micro-batches and memory plan put
/// together. Image k is bit for bit the same for every count, batch and number of threads. Throws
/// Error(user) for counts and threads that cannot be, and as Network::check_classes() does;
/// Error(interrupted) when the process heeds `stop`; and what the process and `sink` throw.
/// With a sink, memory does not grow with the number of images.
ImageRun run_images(const Network& network, const ImageRunOptions& options,
                    const ImageProcess& process, const PictureSink& sink = {});

/// Error(user), which begins with `name`, unless `count` is positive and the images from number
/// `first_image` on exist.
void check_numbers(std::string_view name, std::int64_t first_image, std::int64_t count);

/// How many numbers so many images have. Error(user), which begins with `name`, for more than
/// memory could hold.
std::size_t num_values_of(std::string_view name, std::int64_t count, const PictureShape& shape);

/// Error(user), naming them `name`, unless there are `count` images of the network's shape and all
/// numbers are finite.
void check_images(const Network& network, std::int64_t count, const FloatImages& images,
                  std::string_view name);

/// Error(user), naming the images `name`, unless there are as many values as count and shape say.
void check_size(const FloatImages& images, std::string_view name);

/// The same, and unless all are finite.
void check_values(const FloatImages& images, std::string_view name);

}  // namespace ddim::engine::run
