#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "ddim/export.h"
#include "ddim/overwrite.h"
#include "ddim/ranks.h"
#include "ddim/sample.h"

namespace ddim {

/// Where pictures go as they are finished, and how.
struct SampleFiles {
  /// What its name says:
  ///   - NAME.png: one grid of all pictures
  ///   - NAME.npz: arr_0 [N,H,W,C] of bytes, as ADM's evaluator reads it, and arr_1 [N], the
  ///     classes, where some were chosen
  ///   - NAME.safetensors: x_0 [N,C,H,W] as floats, not clamped
  ///   - anything else: a folder with a PNG for each picture, its number (six digits) as its name
  std::filesystem::path out;
  /// Also x_0 [N,C,H,W] as floats, not clamped: a .safetensors file.
  std::filesystem::path tensors = {};
  GridOptions grid = {};
  /// What PNG files say about themselves: make_recipe() where it is not given, nothing where it is
  /// empty. In a folder it counts for the name of the model only.
  std::optional<Recipe> recipe = {};
  /// Where it is refused, what another process writes meanwhile is not replaced either.
  Overwrite overwrite = Overwrite::refuse;
  /// Go on with a run that was stopped, whose finished pictures are in `out`.partial or in the
  /// folder, and draw the missing ones only. Where there is none, begin. In a folder a picture
  /// whose recipe is another is an Error(user), or is replaced where that is allowed; one without a
  /// recipe, where none is wanted, counts as this run's, or is replaced where that is allowed.
  bool resume = false;
  /// The folder of the blocks is `out`.blocks; the process that finds the last one done writes
  /// `out`, and all return then. Whoever joins does not say `resume`.
  Sharing sharing = {};
};

/// The pictures of a run that is not finished, unless they go into a folder; the folder of blocks
/// of one that several processes share.
DDIM_API std::filesystem::path unfinished_file(const SampleFiles& files);

/// What a call drew, beside what was there already.
struct DrawnFiles {
  std::int64_t num_drawn = 0;
  std::int64_t num_found = 0;  ///< pictures of the run that was resumed, or of others who joined
  /// Network evaluations for each drawn picture, as Samples::nfe: the mean over runs, which need
  /// not have equally many.
  double nfe = 0.0;
  double seconds = 0.0;
  std::int64_t peak_memory_bytes = 0;  ///< of the process, so far
};

/// Draws pictures into files. Memory does not grow with their number, except for a grid. Every
/// picture is kept as soon as it is finished: in the folder, or in `out`.partial, from which `out`
/// is made at the end. When the run is stopped in any way, another with `resume` draws the missing
/// ones, and the files are the same bytes as those of a run without a stop. Errors as sample() and
/// write_png(); Error(user) also for pictures that the kind of file cannot hold, for an unfinished
/// run that is neither resumed nor overwritten, and for one that had other options; Error(corrupt)
/// for one whose file is damaged.
DDIM_API DrawnFiles sample_to_files(const Model& model, const Plan& plan,
                                    const SampleOptions& options, const SampleFiles& files);

/// The same for several runs, as recipe_of_runs() takes them: their pictures one after the other,
/// each what its run alone would draw. A folder gets a folder for each run, "seed-5", "guidance-2"
/// or "seed-5-guidance-2", whose files are those of this run alone.
DDIM_API DrawnFiles sample_runs_to_files(const Model& model, const Plan& plan,
                                         std::span<const SampleOptions> runs,
                                         const SampleFiles& files);

}  // namespace ddim
