#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "ddim/class_choice.h"
#include "ddim/image.h"
#include "ddim/init_image.h"
#include "ddim/plan.h"
#include "ddim/show_progress.h"

namespace ddim {

/// How far sample() is.
struct SampleProgress {
  std::int64_t evaluations_done = 0;  ///< of the network, summed over images
  std::int64_t evaluations = 0;       ///< count * nfe
};

/// What some pictures will become, as one of their steps sees it.
struct StepPreview {
  std::int64_t first_image = 0;  ///< number of the first
  std::int64_t step = 0;         ///< which of the plan's, from 0
  double t = 0.0;                ///< where it started
  double t_prev = -1.0;          ///< and where it led; -1: the pictures are done
  FloatImages x0_pred = {};      ///< the step's prediction of the finished pictures
};

/// A picture depends on the model, the plan (steps, tau, eta, clip, sampler, details), the class,
/// the seed and its number, and on nothing else: not on how many are made, in what batches and by
/// how many threads.
struct SampleOptions {
  std::int64_t steps = 50;  ///< this and the next five as in PlanOptions
  Tau tau = TauKind::linear;
  Eta eta = 0.0;
  Clip clip = Clip::none;
  Sampler sampler = Sampler::ddim;
  SamplerDetails details = {};
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  std::int64_t first_image = 0;  ///< number of the first picture
  ClassChoice class_choice = {};
  /// Start from these states [count,C,H,W] instead of drawing them from the seed.
  std::optional<FloatImages> x_T = {};
  /// Start from pictures instead; not together with x_T.
  std::optional<InitImage> init = {};

  std::int64_t batch = 16;  ///< at most so many pictures are worked on at the same time
  int threads = 0;          ///< 0: one per processor
  ShowProgress show_progress = ShowProgress::no;
  std::function<void(const SampleProgress&)> progress = {};  ///< one call at a time
  /// Told of each step of some pictures; one call at a time, from any thread. Request a stop to end
  /// the run.
  std::function<void(const StepPreview&)> preview = {};
  std::stop_token stop = {};
};

/// What PNG files carry so that the same picture can be made again: the options that had a part in
/// it, under the names of the flags of `ddim sample` with `_` for `-` (sampler, steps, tau, eta or
/// sigma_hat, clip, seed, first_image, count, class, columns in a grid, ...), and what they were
/// applied to: model (its name), model_hash (Model::weights_hash()), size ("32x32x3": width,
/// height, channels), x_T ("drawn", or the SHA-256 of given states, or of pictures and mask, as
/// fp32) and Software (the version).
using Recipe = std::map<std::string, std::string>;

struct Samples {
  FloatImages x_0 = {};  ///< as the sampler left them, not clamped
  std::int64_t nfe = 0;  ///< network evaluations for each image; of Sampler::adaptive the mean
  double seconds = 0.0;
  std::int64_t peak_memory_bytes = 0;  ///< of the process, so far
  Recipe recipe = {};                  ///< cleared, it is left out of files
};

/// Draws pictures. Error(user) for options that cannot be, before anything is computed;
/// Error(numeric) when the network returns NaN or infinity; Error(interrupted) when `stop` was
/// requested.
Samples sample(const Model& model, const SampleOptions& options);

/// The recipe that sample() would return, without drawing anything.
Recipe make_recipe(const Model& model, const SampleOptions& options);

/// What draws picture `index` of `options.count` alone; it comes out the same.
SampleOptions only_picture(const SampleOptions& options, std::int64_t index);

/// All pictures in one PNG with the recipe in its text, if there is one. Errors as write_png().
void write_png_grid(const std::filesystem::path& path, const Samples& samples,
                    Overwrite overwrite = Overwrite::refuse, const GridOptions& grid = {});

}  // namespace ddim
