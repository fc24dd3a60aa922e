#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ddim/class_choice.h"
#include "ddim/export.h"
#include "ddim/image.h"
#include "ddim/init_image.h"
#include "ddim/picture_sink.h"
#include "ddim/plan.h"
#include "ddim/run_options.h"

namespace ddim {

class Model;

/// What some pictures will become, as seen by one of their steps.
struct StepPreview {
  std::int64_t first_image = 0;  ///< number of the first
  std::int64_t step = 0;         ///< index into the plan's steps
  double t = 0.0;                ///< where the step started
  double t_prev = -1.0;          ///< and where it led: below 0 where that is a finished picture
  bool is_last = false;          ///< of the plan's steps
  FloatImages x_t = {};          ///< the states that the step started from
  FloatImages x0_pred = {};      ///< its prediction of the finished pictures, from them; that of
                                 ///< Sampler::adaptive from where it led
};

/// The most pictures of a run: their numbers fit in 32 bits.
inline constexpr std::int64_t kMostPictures = std::int64_t{1} << 32;

/// A picture depends on the model (with its precision and instruction set), the plan, the class,
/// the seed and its number, the build of the library, and on nothing else: not on how many are
/// made, in what batches and by how many threads.
struct SampleOptions {
  PlanOptions plan = {};
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  std::int64_t first_image = 0;  ///< number of the first picture; numbers fit in 32 bits
  ClassChoice class_choice = {};
  /// Start from these states instead of drawing them from the seed.
  std::optional<FloatImages> x_T = {};
  /// Start from pictures instead; not together with x_T.
  std::optional<InitImage> init = {};
  RunOptions run = {};
  /// Told of each step of some pictures; one call at a time, from any thread.
  std::function<void(const StepPreview&)> preview = {};
};

/// What PNG files carry so that the same picture can be made again: the options that had a part in
/// it, under the names of the flags of `ddim sample` with `_` for `-` (sampler, steps, tau, eta or
/// sigma_hat, clip, seed, first_image, count, class, columns in a grid, ...), and what they were
/// applied to: model (its name), model_hash (Model::weights_hash()), size ("32x32x3": width,
/// height, channels), x_T ("drawn", or the SHA-256 of given states, or of pictures and mask, as
/// fp32 in the order [N,C,H,W]), init_image, mask and resize (where these pictures are from) and
/// Software (the version). `ddim interpolate` adds endpoints and frames, `ddim filmstrip`
/// frames.
using Recipe = std::map<std::string, std::string>;

/// Pictures, and what drawing them took.
struct Samples {
  FloatImages x_0 = {};  ///< as the sampler left them, not clamped
  /// Network evaluations for each picture, with those of InitBy::encoding; the mean, rounded up,
  /// where pictures differ (Sampler::adaptive) or share an encoding.
  std::int64_t nfe = 0;
  double seconds = 0.0;
  std::int64_t peak_memory_bytes = 0;  ///< of the process, so far
  Recipe recipe = {};                  ///< cleared, it is left out of files
};

/// Draws pictures. Error(user) for impossible options, before anything is computed; Error(numeric)
/// when the network returns NaN or infinity; Error(interrupted) when a stop was requested.
DDIM_API Samples sample(const Model& model, const SampleOptions& options);

/// The same along a plan that make_plan() made for this model. Error(user) unless options.plan is
/// left at its default or says the same, and for a plan of another forward process or prediction.
DDIM_API Samples sample(const Model& model, const Plan& plan, const SampleOptions& options);

/// The same, handing pictures to `sink` as they are finished, so that memory does not grow with
/// their number. Samples::x_0 is empty.
DDIM_API Samples sample(const Model& model, const Plan& plan, const SampleOptions& options,
                        const PictureSink& sink);

/// What sample() would refuse before anything is computed, also of a Model::without_weights():
/// Error(user).
DDIM_API void check_sample(const Model& model, const Plan& plan, const SampleOptions& options);

/// What a recipe says of the model: model, model_hash, size, precision, weights, schedule,
/// beta_start, beta_end, T and prediction where they are not those of its files, and Software.
DDIM_API Recipe model_recipe(const Model& model);

/// The recipe that sample() would return, without drawing anything.
DDIM_API Recipe make_recipe(const Model& model, const SampleOptions& options);

/// The recipe of several runs whose pictures belong together: each of some seeds with each of some
/// values of guidance, all values of guidance of the first seed first, and alike in all else.
/// `seed` and `guidance` are lists with commas; `count` is that of one run. Error(user) for others.
DDIM_API Recipe recipe_of_runs(const Model& model, std::span<const SampleOptions> runs);

/// The opposite: the options that a recipe states, for each of its runs. Errors as options_of().
DDIM_API std::vector<SampleOptions> runs_of(const Recipe& recipe);

/// The same of a single run: the options that a recipe states. `x_T` and `init` hold pictures,
/// which no recipe has: where it says that a picture started from some, add them. Error(user) for a
/// recipe with an entry that this version does not know, and for one of several runs;
/// Error(corrupt) for a value that cannot be.
DDIM_API SampleOptions options_of(const Recipe& recipe);

/// Error(user) for an option that somebody states, other than its default, and that has no effect
/// beside the others, such as a threshold without a clip that has one. For what callers say; what
/// make_recipe() makes needs no check.
DDIM_API void check_effects(const Recipe& said);

/// Options that draw the `count` pictures from `first` on of those of `options` alone; they come
/// out the same. Error(user) when there are not so many.
DDIM_API SampleOptions only_pictures(const SampleOptions& options, std::int64_t first,
                                     std::int64_t count = 1);

/// All pictures in one PNG, with the recipe in its text if there is one. Errors as write_png().
DDIM_API void write_png_grid(const std::filesystem::path& path, const Samples& samples,
                             Overwrite overwrite = Overwrite::refuse, const GridOptions& grid = {});

}  // namespace ddim
