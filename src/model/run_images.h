#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/shape.h"
#include "diffusion/sampler.h"
#include "model/class_condition.h"
#include "nn/unet.h"

namespace ddim::model {

struct RunOptions {
  std::int64_t count = 1;         ///< images of the whole run, all held in memory
  std::uint32_t first_image = 0;  ///< the index of the first: its noise is a function of seed and k
  std::int64_t batch = 16;        ///< at most so many images are worked on at the same time
  int num_threads = 1;
  ClassCondition condition = {};     ///< of which class the images are to be
  std::int64_t steps_per_image = 1;  ///< how often the process calls MicroBatch::step_done
  /// Told after every step of every micro-batch, by one thread at a time; may stop the run.
  std::function<diffusion::Flow(std::int64_t image_steps_done, std::int64_t image_steps_total)>
      progress = {};
};

/// The images first .. first + shape[0] - 1 of a run, on their way through it.
struct MicroBatch {
  const Device& device;
  const diffusion::Denoiser& denoiser;  ///< the network; Error(numeric) for NaN, naming the layer
  std::int64_t first;                   ///< counts from the run's first image
  std::uint32_t first_image;            ///< RunOptions::first_image + first
  Shape shape;                          ///< [N,H,W,C]
  /// To be called after each step; `stop` where RunOptions::progress said so.
  const std::function<diffusion::Flow()>& step_done;
  bool is_rehearsal;  ///< on a dry device: nobody is to hear of it

  /// This part of the images [count,C,H,W] of the run, as [N,H,W,C].
  Tensor upload(std::span<const float> images) const;
  /// An [n,H,W,C] tensor as [n,C,H,W].
  std::vector<float> planes_of(const Tensor& x) const;
  /// The opposite of upload(): an [N,H,W,C] tensor into its part of [count,C,H,W].
  void download(const Tensor& x, std::span<float> images) const;
};

/// What becomes of a micro-batch: [N,H,W,C]. What it makes of an image must not depend on the
/// others. It is first called on a dry device, where nothing is computed, to learn what memory it
/// needs.
using ImageProcess = std::function<Tensor(const MicroBatch&)>;

struct ImageRun {
  std::vector<float> images;  ///< what the process returned
  Shape shape;                ///< [count,C,H,W]
  /// How often a step asked the system for activation memory: 0, since all is planned before.
  std::int64_t num_step_allocations = 0;
};

/// Takes images through a process that calls a network: workers, micro-batches and memory plan put
/// together. Image k is bit for bit the same for every count, batch and num_threads. Throws
/// Error(user) for counts below 1, for a network whose output is not the noise of its input, and as
/// check_condition() does;
/// Error(interrupted) when the process heeds `progress`; and what the process throws.
ImageRun run_images(const UNet& unet, const RunOptions& options, const ImageProcess& process);

/// Error(user), naming them `name`, unless `images` are [count,C,H,W] of the network's size and
/// finite.
void check_images(const UNet& unet, std::int64_t count, std::span<const float> images,
                  const char* name);

}  // namespace ddim::model
