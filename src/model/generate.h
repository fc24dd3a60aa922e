#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/shape.h"
#include "diffusion/plan.h"
#include "diffusion/sampler.h"
#include "model/class_condition.h"
#include "nn/unet.h"

namespace ddim::model {

/// Pixels that are known and stay as they are (diffusion/keep_known.h).
struct Inpainting {
  diffusion::Schedule schedule;
  std::span<const float> known;  ///< [count,C,H,W]
  std::span<const double> kept;  ///< [H,W]: 1 where a pixel is kept, else 0
};

/// What some images will become, as a step of theirs sees it.
struct StepPreview {
  std::uint32_t first_image;  ///< the index of the first
  std::size_t index;          ///< of the step, from 0
  const diffusion::Step& step;
  std::span<const float> x0_pred;  ///< [n,C,H,W]
};

struct GenerateOptions {
  diffusion::Plan plan = {};
  std::int64_t count = 1;         ///< images to draw, all held in memory; call again for the next
  std::uint32_t first_image = 0;  ///< the index of the first: image k is a function of seed and k
  std::int64_t batch = 16;        ///< at most so many images are worked on at the same time
  int num_threads = 1;
  std::uint64_t seed = 0;
  ClassCondition condition = {};  ///< of which class the images are to be
  /// Start from these states, [count,C,H,W], instead of drawing them. Noise is drawn all the same.
  std::span<const float> x_T = {};
  /// Start from these images, [count,C,H,W], as they are at the plan's first t: with the noise that
  /// would else be x_T (eq. 4).
  std::span<const float> noised = {};
  std::optional<Inpainting> inpainting = {};
  /// Told of every step of every micro-batch, by one thread at a time.
  std::function<void(const StepPreview&)> preview = {};
  /// Told after every step of every micro-batch, by one thread at a time; may stop the run.
  std::function<diffusion::Flow(std::int64_t image_steps_done, std::int64_t image_steps_total)>
      progress = {};
};

struct Generated {
  std::vector<float> x_0;  ///< as the last step left them: about -1..1, not clamped
  Shape shape;             ///< [N,C,H,W]
  std::int64_t nfe = 0;    ///< network evaluations per image; of the adaptive sampler the mean
  /// How often a step asked the system for activation memory: 0, since all is planned before.
  std::int64_t num_step_allocations = 0;
};

/// Draws images with the network: sampler, workers and memory plan put together. Image k is bit for
/// bit the same for every count, batch and num_threads. Throws Error(user) for an empty plan,
/// counts below 1, an x_T, images or a mask of another size or with NaN, x_T and `noised` together,
/// a t or a condition that the network has no meaning for (before it is called), and a network
/// whose output is not the noise of its input; Error(numeric), naming image, step and layer, when
/// the network produces NaN or infinity; Error(interrupted) when `progress` says stop.
Generated generate(const UNet& unet, const GenerateOptions& options);

}  // namespace ddim::model
