#include <ddim/counts.h>
#include <ddim/sample_files.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "api/model_implementation.h"
#include "api/picture_destination.h"
#include "api/picture_progress.h"
#include "api/shared_work.h"
#include "base/error.h"
#include "base/folder.h"
#include "base/peak_memory.h"
#include "base/text.h"
#include "comm/block_claims.h"
#include "comm/communicator.h"
#include "io/image_grid.h"
#include "run/generate.h"

namespace ddim {

using namespace engine;
namespace {

namespace fs = std::filesystem;
using io::PictureRange;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMaxPngChannels = 4;
/// The name of a process's folder within that of the blocks, and its token.
constexpr const char* kAssembly = "assembly-";

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

/// Where one of them cannot be made, what all were to be made of is still there to resume.
void finish_all(const std::vector<std::unique_ptr<Destination>>& all) {
  for (const auto& each : all) each->finish();
  for (const auto& each : all) each->clean_up();
}

/// Work that processes share: its blocks of pictures.
class JointRun {
 public:
  JointRun(const PictureJob& job, const Plan& plan, OutputKind kind)
      : job_(job),
        plan_(plan),
        kind_(kind),
        blocks_(blocks_of({0, job.count()}, pictures_of_block(job.count()), job)),
        claims_(blocks_folder(job.files.out), work()) {}

  std::int64_t num_pictures_done() const {
    return std::min(claims_.num_done() * blocks_.front().count, job_.count());
  }
  bool is_complete() const { return claims_.is_complete(); }

  /// Draws blocks until all are there, and puts them together unless another process does.
  DrawnFiles draw(const RunOptions& run) {
    DrawnFiles drawn;
    double evaluations = 0.0;
    PictureProgress progress(run, job_.count(), plan_.nfe, num_pictures_done());
    while (const std::optional<std::int64_t> block = claims_.next(run.stop)) {
      if (*block == std::ssize(blocks_)) {
        finish_last(claims_, [this] { put_together(); });
        continue;
      }
      const PictureRange& range = blocks_[static_cast<std::size_t>(*block)];
      const Samples samples =
          sample(job_.model, plan_,
                 part_of(job_, range,
                         progress.part(std::min(num_pictures_done(), job_.count() - range.count),
                                       range.count)));
      claims_.finish(*block, std::as_bytes(std::span(samples.x_0.values)));
      drawn.num_drawn += range.count;
      progress.finished(range.count);
      evaluations += static_cast<double>(samples.nfe * range.count);
    }
    if (drawn.num_drawn > 0) drawn.nfe = evaluations / static_cast<double>(drawn.num_drawn);
    drawn.num_found = job_.count() - drawn.num_drawn;
    return drawn;
  }

 private:
  comm::BlockClaims::Work work() const {
    comm::BlockClaims::Settings settings = settings_of(job_);
    settings["tensors"] = job_.files.tensors.empty() ? "no" : "yes";
    return {.settings = std::move(settings),
            .num_blocks = std::ssize(blocks_),
            .timeout_seconds = job_.files.sharing.timeout_seconds};
  }

  void put_together() {
    // Another process, taken for gone, may have begun to: some files may be there, and it may go
    // on.
    SampleFiles files = job_.files;
    files.resume = true;
    files.overwrite = Overwrite::allow;
    const fs::path folder = blocks_folder(job_.files.out);
    const PictureJob job{.model = job_.model,
                         .runs = job_.runs,
                         .files = files,
                         .recipe = job_.recipe,
                         .logs = folder / (kAssembly + claims_.token())};
    const auto destinations = destinations_of(job, kind_);
    for (std::size_t k = 0; k < blocks_.size(); ++k) {
      FloatImages pictures{.count = blocks_[k].count, .shape = job_.shape()};
      const auto size = static_cast<std::size_t>(pictures.count) * pictures.shape.size();
      const std::vector<std::byte> bytes =
          claims_.result(static_cast<std::int64_t>(k), size * sizeof(float));
      pictures.values.resize(size);
      std::ranges::copy(bytes, std::as_writable_bytes(std::span(pictures.values)).begin());
      for (const auto& each : destinations) each->add(blocks_[k].first, pictures);
    }
    finish_all(destinations);
    claims_.finish(std::ssize(blocks_), "complete\n");
    claims_.remove_results();
    for (const std::string& name : readable_names_in(folder))
      if (name.starts_with(kAssembly)) try_remove_tree(folder / name);
  }

  const PictureJob& job_;
  const Plan& plan_;
  const OutputKind kind_;
  const std::vector<PictureRange> blocks_;
  comm::BlockClaims claims_;
};

/// Before the first of the processes begins: what is there may be in the way.
void check_joint(const SampleFiles& files, OutputKind kind) {
  const fs::path folder = blocks_folder(files.out);
  require(!files.sharing.join || !files.resume,
          "join goes on with a run that was stopped; leave --resume out");
  if (files.sharing.join && fs::exists(folder)) return;
  if (fs::exists(folder) && !files.resume) {
    require(files.overwrite == Overwrite::allow, folder.string(),
            " holds blocks of a run that was stopped; resume that run, or remove the folder to "
            "begin again");
    remove_tree(folder);
  }
  require(
      files.overwrite == Overwrite::allow || kind == OutputKind::folder || !fs::exists(files.out),
      files.out.string(),
      " exists already and is not overwritten: remove it or choose another name");
}

DrawnFiles draw_jointly(const PictureJob& job, const Plan& plan, OutputKind kind) {
  const Sharing& sharing = job.files.sharing;
  const RunOptions run = options_of_part(job.runs.front().run, sharing);
  if (sharing.ranks.is_first()) check_joint(job.files, kind);
  const auto& ranks = sharing.ranks.communicator();
  if (ranks) ranks->barrier();
  require_common_folder(sharing, job.files.out);
  DrawnFiles drawn;
  std::int64_t num_found = 0;
  {
    JointRun joint(job, plan, kind);
    num_found = joint.is_complete() ? job.count() : joint.num_pictures_done();
    if (joint.is_complete()) require_result(job.files.out);
    try {
      drawn = joint.draw(run);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
      fail(ErrorCode::interrupted, "stopped: finished blocks are kept in ",
           blocks_folder(job.files.out).string());
    }
  }
  end_sharing(sharing, job.files.out);
  if (!ranks) return drawn;
  drawn.num_found = num_found;
  drawn.num_drawn = job.count() - num_found;
  return drawn;
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
