#include <ddim/counts.h>
#include <ddim/sample_files.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "api/joint_drawing.h"
#include "api/model_implementation.h"
#include "api/picture_destination.h"
#include "api/picture_progress.h"
#include "api/shared_work.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "base/text.h"
#include "io/image_grid.h"
#include "run/generate.h"

namespace ddim {

using namespace engine;
namespace {

namespace fs = std::filesystem;
using io::PictureRange;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMaxPngChannels = 4;

/// Refuses what the kind of file cannot hold, before anything is drawn.
void check(const PictureJob& job, OutputKind kind) {
  const PictureShape shape = job.shape();
  require(shape.channels <= kMaxPngChannels || kind == OutputKind::npz ||
              kind == OutputKind::safetensors,
          "out ", job.files.out.string(), ": a PNG holds 1 to ", kMaxPngChannels,
          " channels, but this model's pictures have ", shape.channels,
          "; choose a name that ends in .safetensors or .npz");
  if (kind == OutputKind::grid) check_grid(shape, job.count(), job.files.grid);
}

/// The pictures that any destination lacks, in parts of one run each.
std::vector<PictureRange> missing_in(const std::vector<std::unique_ptr<Destination>>& all,
                                     const PictureJob& job) {
  std::vector<PictureRange> missing;
  for (const auto& destination : all)
    for (const PictureRange& range : destination->missing()) missing.push_back(range);
  const std::vector<PictureRange> complete = io::gaps_between(std::move(missing), job.count());
  // In blocks, since a part of a run with pictures to start from holds these in memory.
  constexpr std::int64_t kBlock = 4096;
  std::vector<PictureRange> blocks;
  for (const PictureRange& gap : io::gaps_between(complete, job.count()))
    for (const PictureRange& block : blocks_of(gap, kBlock, job)) blocks.push_back(block);
  return blocks;
}

}  // namespace

fs::path unfinished_file(const SampleFiles& files) {
  return files.sharing.is_shared() ? blocks_folder(files.out) : log_path(files.out);
}

DrawnFiles sample_to_files(const Model& model, const Plan& plan, const SampleOptions& options,
                           const SampleFiles& files) {
  return sample_runs_to_files(model, plan, std::span(&options, 1), files);
}

DrawnFiles sample_runs_to_files(const Model& model, const Plan& plan,
                                std::span<const SampleOptions> runs, const SampleFiles& files) {
  const auto start = Clock::now();
  PictureJob job{.model = model, .runs = {runs.begin(), runs.end()}, .files = files, .recipe = {}};
  for (SampleOptions& run : job.runs) {
    run.plan = plan.options;
    run::check_options(ModelAccess::trained(model), plan, run);
  }
  job.recipe = recipe_of_runs(model, job.runs);
  const RunOptions& run_options = job.runs.front().run;
  const OutputKind kind = output_kind_of(files.out);
  check(job, kind);
  if (files.sharing.is_shared()) {
    DrawnFiles drawn = draw_jointly(job, plan, kind);
    drawn.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    drawn.peak_memory_bytes = peak_memory_bytes();
    return drawn;
  }

  std::vector<std::unique_ptr<Destination>> destinations;
  DrawnFiles drawn;
  double evaluations = 0.0;
  try {
    destinations = destinations_of(job, kind);
    const std::vector<PictureRange> missing = missing_in(destinations, job);
    drawn.num_found = job.count();
    for (const PictureRange& range : missing) drawn.num_found -= range.count;

    PictureProgress progress(run_options, job.count(), plan.nfe, drawn.num_found);
    auto last_sync = Clock::now();
    for (const PictureRange& range : missing) {
      const auto keep = [&](std::int64_t first, const FloatImages& pictures) {
        constexpr auto kBetweenSyncs = std::chrono::seconds(30);
        for (const auto& each : destinations) each->add(range.first + first, pictures);
        drawn.num_drawn += pictures.count;
        progress.finished(pictures.count);
        if (Clock::now() - last_sync < kBetweenSyncs) return;
        for (const auto& each : destinations) each->sync();
        last_sync = Clock::now();
      };
      const SampleOptions part =
          part_of(job, range, progress.part(drawn.num_found + drawn.num_drawn, range.count));
      const Samples samples = sample(model, plan, part, keep);
      evaluations += static_cast<double>(samples.nfe * range.count);
    }
  } catch (const Error& error) {
    const std::int64_t num_kept = drawn.num_found + drawn.num_drawn;
    if (num_kept == 0)
      for (const auto& each : destinations) each->give_up_if_empty();
    if (num_kept == 0 || error.code() != ErrorCode::interrupted) throw;
    for (const auto& each : destinations) each->sync();
    fail(ErrorCode::interrupted, "stopped: ", with_thousands(num_kept), " of ",
         count_of(job.count(), "pictures"), " are finished and kept in ",
         destinations.front()->place());
  }
  finish_all(destinations);
  if (drawn.num_drawn > 0) drawn.nfe = evaluations / static_cast<double>(drawn.num_drawn);
  drawn.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  drawn.peak_memory_bytes = peak_memory_bytes();
  return drawn;
}

}  // namespace ddim
