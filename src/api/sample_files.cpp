#include <ddim/counts.h>
#include <ddim/sample_files.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <memory>
#include <ranges>
#include <sstream>
#include <utility>

#include "api/model_implementation.h"
#include "api/settings_difference.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "comm/block_claims.h"
#include "comm/communicator.h"
#include "io/image.h"
#include "io/image_grid.h"
#include "io/npz.h"
#include "io/picture_log.h"
#include "io/picture_tensor.h"
#include "io/png.h"
#include "run/generate.h"
#include "run/reporter.h"

namespace ddim {

using namespace engine;
namespace {

namespace fs = std::filesystem;
using io::PictureRange;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMaxPngChannels = 4;

enum class Kind { grid, npz, safetensors, folder };

Kind kind_of(const fs::path& out) {
  if (fs::is_directory(out)) return Kind::folder;
  const fs::path extension = out.extension();
  if (extension == ".png") return Kind::grid;
  if (extension == ".npz") return Kind::npz;
  if (extension == ".safetensors") return Kind::safetensors;
  require(extension.empty(), "out must end in .png, .npz or .safetensors, or be a folder; got ",
          out.string());
  return Kind::folder;
}

fs::path blocks_folder(const fs::path& out) {
  // A folder may be named with a slash at its end.
  return (out.has_filename() ? out : out.parent_path()).string() + ".blocks";
}

fs::path log_path(const fs::path& out) { return out.string() + ".partial"; }

/// Everything about the run that a call has to know.
struct PictureJob {
  const Model& model;
  std::vector<SampleOptions> runs;  ///< with the plan
  const SampleFiles& files;
  Recipe recipe;  ///< of all runs
  PictureShape shape() const { return model.info().shape; }
  std::int64_t count_of_run() const { return runs.front().count; }
  std::int64_t count() const { return std::ssize(runs) * count_of_run(); }
  /// The run of picture k of all, and its place in that run.
  const SampleOptions& run_of(std::int64_t k) const {
    return runs[static_cast<std::size_t>(k / count_of_run())];
  }
  std::int64_t place(std::int64_t k) const { return k % count_of_run(); }
  /// Its number, as its run counts.
  std::int64_t number(std::int64_t k) const { return run_of(k).first_image + place(k); }
};

/// What an unfinished run must have in common with one that goes on with it.
io::PictureLog::Settings settings_of(const PictureJob& job) {
  io::PictureLog::Settings settings = job.recipe;
  const std::string& device = job.model.info().device;  // "cpu avx512, 2 threads"
  settings["device"] = device.substr(0, device.find(','));
  // Names of files, whose contents are known by their hashes.
  for (const char* key : {"model", "init_image", "mask"}) settings.erase(key);
  return settings;
}

/// Where finished pictures are kept.
class Destination {
 public:
  virtual ~Destination() = default;
  virtual std::vector<PictureRange> missing() const = 0;
  virtual void add(std::int64_t first, const FloatImages& pictures) = 0;
  /// Makes what was added safe from a loss of power.
  virtual void sync() = 0;
  /// Makes the output of all pictures.
  virtual void finish() = 0;
  /// Where a person finds them.
  virtual std::string place() const = 0;
  /// Leaves nothing behind when no picture was finished.
  virtual void give_up_if_empty() = 0;
};

/// One file for all pictures, which are kept in a log until the last one is there.
class FileDestination : public Destination {
 public:
  FileDestination(const PictureJob& job, fs::path out, Kind kind)
      : job_(job),
        out_(std::move(out)),
        kind_(kind),
        keeps_floats_(kind == Kind::safetensors),
        log_(open_log()) {}

  std::vector<PictureRange> missing() const override { return log_.missing(); }

  void add(std::int64_t first, const FloatImages& pictures) override {
    for (const PictureRange& range : log_.missing_in({first, pictures.count}))
      add_range(range, first, pictures);
  }
  void sync() override { log_.sync(); }
  std::string place() const override { return log_.path().string(); }
  void give_up_if_empty() override {
    if (log_.num_done() == 0) log_.remove();
  }

  void finish() override {
    switch (kind_) {
      case Kind::grid:
        write_grid();
        break;
      case Kind::npz:
        write_npz();
        break;
      default:
        write_tensor();
    }
    log_.remove();
  }

 private:
  io::PictureLog open_log() {
    const PictureShape shape = job_.shape();
    const std::uint64_t size = shape.size() * (keeps_floats_ ? sizeof(float) : 1);
    const io::PictureLog::Header header{
        .count = job_.count(), .picture_bytes = size, .settings = settings_of(job_)};
    const fs::path path = log_path(out_);
    if (!fs::exists(path)) {
      refuse_existing();
      return io::PictureLog::create(path, header);
    }
    io::PictureLog log = io::PictureLog::open(path);
    if (job_.files.resume) {
      const std::string difference = first_difference(log.header().settings, header.settings);
      require(difference.empty(), path.string(),
              ": holds an unfinished run with other options: ", difference,
              "; give the same options, or remove the file to begin again");
      require(log.header().picture_bytes == size && log.header().count == header.count,
              path.string(), ": holds pictures of another size or number");
      // A stop between the output and the removal of the log.
      was_complete_ = log.missing().empty();
      if (!was_complete_) refuse_existing();
      return log;
    }
    require(log.num_done() == 0 || job_.files.overwrite == Overwrite::allow, path.string(),
            " holds ", with_thousands(log.num_done()), " of ",
            count_of(log.header().count, "pictures"),
            " of a run that was stopped; resume that run, or remove the file to begin again");
    refuse_existing();
    log.remove();
    return io::PictureLog::create(path, header);
  }

  void refuse_existing() const {
    require(job_.files.overwrite == Overwrite::allow || !fs::exists(out_), out_.string(),
            " exists already and is not overwritten: remove it or choose another name");
  }

  void add_range(const PictureRange& range, std::int64_t first, const FloatImages& pictures) {
    if (keeps_floats_) {
      const auto size = static_cast<std::int64_t>(pictures.shape.size());
      const auto values = std::span(pictures.values)
                              .subspan(static_cast<std::size_t>((range.first - first) * size),
                                       static_cast<std::size_t>(range.count * size));
      return log_.add(range.first, std::as_bytes(values));
    }
    std::vector<std::uint8_t> pixels;
    for (std::int64_t k = 0; k < range.count; ++k) {
      const Image image = to_image(pictures, range.first - first + k);
      pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
    }
    log_.add(range.first, std::as_bytes(std::span(pixels)));
  }

  Overwrite overwrite() const { return was_complete_ ? Overwrite::allow : job_.files.overwrite; }
  PictureRange all() const { return {0, job_.count()}; }

  void write_grid() {
    const PictureShape shape = job_.shape();
    std::vector<Image> images;
    log_.read(all(), [&](std::span<const std::byte> piece) {
      for (; !piece.empty(); piece = piece.subspan(shape.size())) {
        const auto* pixels = reinterpret_cast<const std::uint8_t*>(piece.data());
        images.push_back({.width = shape.width,
                          .height = shape.height,
                          .channels = shape.channels,
                          .pixels = {pixels, pixels + shape.size()}});
      }
    });
    const Recipe recipe =
        io::with_grid(job_.files.recipe.value_or(job_.recipe), job_.count(), job_.files.grid);
    io::write_png(out_, make_grid(images, job_.files.grid), recipe, overwrite());
  }

  void write_npz() {
    const std::vector<std::int64_t>& classes = job_.runs.front().class_choice.classes;
    std::vector<std::int64_t> labels;
    for (std::int64_t k = 0; k < job_.count() && !classes.empty(); ++k)
      labels.push_back(classes[static_cast<std::size_t>(job_.number(k)) % classes.size()]);
    const auto produce = [this](const ByteSink& sink) { log_.read(all(), sink); };
    write_file_durably(out_, io::picture_npz_content(job_.count(), job_.shape(), produce, labels),
                       overwrite());
  }

  void write_tensor() {
    const PictureShape shape = job_.shape();
    const auto produce = [this, shape](const ByteSink& sink) {
      log_.read(all(), [&](std::span<const std::byte> piece) {
        const auto* values = reinterpret_cast<const float*>(piece.data());
        const std::size_t size = piece.size() / sizeof(float);
        const std::vector<float> planes =
            io::to_planes({.count = static_cast<std::int64_t>(size / shape.size()),
                           .shape = shape,
                           .values = {values, values + size}});
        sink(std::as_bytes(std::span(planes)));
      });
    };
    std::vector<io::TensorSource> tensors(1);
    tensors[0] = {.name = "x_0",
                  .shape = {job_.count(), shape.channels, shape.height, shape.width},
                  .produce = produce};
    io::write_safetensors(out_, std::move(tensors), overwrite());
  }

  const PictureJob& job_;
  const fs::path out_;
  const Kind kind_;
  const bool keeps_floats_;  ///< bytes else
  bool was_complete_ = false;
  io::PictureLog log_;
};

/// A folder with a PNG file for each picture.
class FolderDestination : public Destination {
 public:
  explicit FolderDestination(const PictureJob& job) : job_(job), folder_(job.files.out) {
    if (make_folders(folder_)) created_.push_back(folder_);
    for (std::int64_t k = 0; k < job.count(); k += job.count_of_run()) {
      const fs::path folder = folder_of(k);
      if (make_folders(folder)) created_.push_back(folder);
      remove_leftovers(folder);
    }
    std::vector<PictureRange> there;
    for (std::int64_t k = 0; k < job.count(); ++k)
      if (fs::exists(file_of(k)) && is_finished(k)) there.push_back({k, 1});
    missing_ = io::gaps_between(std::move(there), job.count());
  }

  std::vector<PictureRange> missing() const override { return missing_; }
  void add(std::int64_t first, const FloatImages& pictures) override {
    for (std::int64_t k = 0; k < pictures.count; ++k) {
      // What is there and was not finished is replaced: it is damaged, or may be overwritten.
      io::write_png(file_of(first + k), to_image(pictures, k), text_of(first + k), Overwrite::allow,
                    Durability::later);
    }
  }
  void sync() override { sync_file_system(folder_); }
  void finish() override { sync(); }
  std::string place() const override { return folder_.string(); }
  void give_up_if_empty() override {
    std::error_code ignored;  // a folder that is not empty stays
    for (const fs::path& folder : created_ | std::views::reverse) fs::remove(folder, ignored);
  }

 private:
  /// Of picture k's run.
  fs::path folder_of(std::int64_t k) const {
    const SampleOptions &first = job_.runs.front(), &last = job_.runs.back(), &run = job_.run_of(k);
    std::string name;
    if (first.seed != last.seed) name += concat("-seed-", run.seed);
    if (first.class_choice.guidance != last.class_choice.guidance)
      name += "-guidance-" + number_text(run.class_choice.guidance);
    return name.empty() ? folder_ : folder_ / name.substr(1);
  }

  fs::path file_of(std::int64_t k) const {
    std::ostringstream name;
    name << std::setfill('0') << std::setw(6) << job_.number(k) << ".png";
    return folder_of(k) / name.str();
  }

  /// The recipe of picture k alone.
  Recipe text_of(std::int64_t k) const {
    const std::optional<Recipe>& given = job_.files.recipe;
    if (given && given->empty()) return {};
    Recipe recipe = make_recipe(job_.model, only_pictures(job_.run_of(k), job_.place(k)));
    if (given) recipe["model"] = given->at("model");
    return recipe;
  }

  /// Whether picture k need not be drawn.
  bool is_finished(std::int64_t k) const {
    const fs::path file = file_of(k);
    if (!job_.files.resume) {
      require(job_.files.overwrite == Overwrite::allow, file.string(),
              " exists already and is not overwritten: choose another folder, or resume the run "
              "that made it");
      return false;
    }
    io::PngFile found;
    try {
      found = io::read_png(file, io::channels_of(job_.shape().channels));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::corrupt) return false;  // a loss of power: drawn again
      throw;
    }
    const std::string difference = first_difference(found.text, text_of(k));
    require(difference.empty(), file.string(), ": was drawn with other options: ", difference,
            "; choose another folder, or give the same options");
    const PictureShape shape = job_.shape();
    return found.image.width == shape.width && found.image.height == shape.height;
  }

  const PictureJob& job_;
  const fs::path folder_;
  std::vector<fs::path> created_;
  std::vector<PictureRange> missing_;
};

/// Refuses what the kind of file cannot hold, before anything is drawn.
void check(const PictureJob& job, Kind kind) {
  const PictureShape shape = job.shape();
  require(shape.channels <= kMaxPngChannels || kind == Kind::npz || kind == Kind::safetensors,
          "out ", job.files.out.string(), ": a PNG holds 1 to ", kMaxPngChannels,
          " channels, but this model's pictures have ", shape.channels,
          "; choose a name that ends in .safetensors or .npz");
  const std::uint64_t num_bytes = static_cast<std::uint64_t>(job.count()) * shape.size();
  constexpr std::uint64_t kMaxNpz = (std::uint64_t{4} << 30) - 4096;
  require(kind != Kind::npz || num_bytes <= kMaxNpz, "out ", job.files.out.string(), ": ",
          count_of(job.count(), "pictures"), " of ", to_string(shape), " need ",
          with_thousands(static_cast<std::int64_t>(num_bytes)),
          " bytes, and a .npz holds 4 GiB; choose .safetensors or a folder");
  if (kind == Kind::grid) check_grid(shape, job.count(), job.files.grid);
}

/// Shows and reports the progress of all pictures, those of earlier runs too.
class PictureProgress {
 public:
  PictureProgress(const RunOptions& options, std::int64_t count, std::int64_t steps,
                  std::int64_t num_found)
      : options_(options),
        count_(count),
        steps_(steps),
        num_found_(num_found),
        num_finished_(num_found),
        display_(std::clog, run::style_of(options.show_progress), "pictures") {}

  void finished(std::int64_t num_pictures) { num_finished_ += num_pictures; }

  /// The options of a part of the run: `num_pictures`, when `num_before` are there already.
  RunOptions part(std::int64_t num_before, std::int64_t num_pictures) {
    RunOptions options = options_;
    options.show_progress = ShowProgress::no;
    options.progress = [this, num_before, num_pictures](const RunProgress& progress) {
      const std::int64_t per_step = progress.evaluations / (num_pictures * steps_);
      show(num_before * steps_ + progress.evaluations_done / per_step, per_step);
    };
    return options;
  }

 private:
  void show(std::int64_t num_steps, std::int64_t evaluations_per_step) {
    if (!begun_) display_.begin(num_found_ * steps_, count_ * steps_);
    begun_ = true;
    const std::int64_t num_finished = num_steps >= count_ * steps_ ? count_ : num_finished_.load();
    run::show_pictures(
        display_,
        {.num_steps = num_steps, .num_finished = num_finished, .count = count_, .steps = steps_},
        options_);
    if (options_.progress)
      options_.progress({.evaluations_done = num_steps * evaluations_per_step,
                         .evaluations = count_ * steps_ * evaluations_per_step});
  }

  const RunOptions& options_;
  const std::int64_t count_;
  const std::int64_t steps_;
  const std::int64_t num_found_;
  std::atomic<std::int64_t> num_finished_;
  Progress display_;
  bool begun_ = false;
};

/// A range of pictures in parts of at most `most`, each of one run.
std::vector<PictureRange> blocks_of(const PictureRange& range, std::int64_t most,
                                    const PictureJob& job) {
  std::vector<PictureRange> blocks;
  const std::int64_t end = range.first + range.count;
  for (std::int64_t first = range.first; first < end; first += blocks.back().count)
    blocks.push_back({first, std::min({most, end - first, job.count_of_run() - job.place(first)})});
  return blocks;
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

std::vector<std::unique_ptr<Destination>> destinations_of(const PictureJob& job, Kind kind) {
  std::vector<std::unique_ptr<Destination>> destinations;
  if (kind == Kind::folder) {
    destinations.push_back(std::make_unique<FolderDestination>(job));
  } else {
    destinations.push_back(std::make_unique<FileDestination>(job, job.files.out, kind));
  }
  if (!job.files.tensors.empty())
    destinations.push_back(
        std::make_unique<FileDestination>(job, job.files.tensors, Kind::safetensors));
  return destinations;
}

/// The options of some consecutive pictures of one run.
SampleOptions part_of(const PictureJob& job, const PictureRange& range, const RunOptions& run) {
  SampleOptions part = only_pictures(job.run_of(range.first), job.place(range.first), range.count);
  part.run = run;
  return part;
}

/// Work that processes share: its blocks of pictures.
class JointRun {
 public:
  JointRun(const PictureJob& job, const Plan& plan, Kind kind)
      : job_(job),
        plan_(plan),
        kind_(kind),
        // Enough for many processes, and of no more pictures than one can lose. They depend on
        // nothing else, as all must have the same.
        blocks_(
            blocks_of({0, job.count()}, std::clamp<std::int64_t>(job.count() / 64, 8, 256), job)),
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
        put_together();
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
    if (drawn.num_drawn > 0)
      drawn.nfe =
          static_cast<std::int64_t>(evaluations / static_cast<double>(drawn.num_drawn) + 0.5);
    drawn.num_found = job_.count() - drawn.num_drawn;
    return drawn;
  }

 private:
  comm::BlockClaims::Work work() const {
    comm::BlockClaims::Settings settings = settings_of(job_);
    settings["tensors"] = job_.files.tensors.empty() ? "no" : "yes";
    return {.settings = std::move(settings),
            .num_blocks = std::ssize(blocks_),
            .timeout_seconds = job_.files.join_timeout_seconds};
  }

  void put_together() {
    // It may go on where another process was stopped.
    SampleFiles files = job_.files;
    files.resume = true;
    files.overwrite = Overwrite::allow;
    const PictureJob job{
        .model = job_.model, .runs = job_.runs, .files = files, .recipe = job_.recipe};
    const auto destinations = destinations_of(job, kind_);
    for (std::size_t k = 0; k < blocks_.size(); ++k) {
      const std::vector<std::byte> bytes = claims_.result(static_cast<std::int64_t>(k));
      FloatImages pictures{.count = blocks_[k].count, .shape = job_.shape()};
      const auto size = static_cast<std::size_t>(pictures.count) * pictures.shape.size();
      if (bytes.size() != size * sizeof(float))
        fail(ErrorCode::corrupt, blocks_folder(files.out).string(), ": block ", k, " has ",
             bytes.size(), " bytes, expected ", size * sizeof(float),
             "; remove its file, and join again");
      pictures.values.resize(size);
      std::ranges::copy(bytes, std::as_writable_bytes(std::span(pictures.values)).begin());
      for (const auto& each : destinations) each->add(blocks_[k].first, pictures);
    }
    for (const auto& each : destinations) each->finish();
    claims_.finish(std::ssize(blocks_), "complete\n");
    claims_.remove_results();
  }

  const PictureJob& job_;
  const Plan& plan_;
  const Kind kind_;
  const std::vector<PictureRange> blocks_;
  comm::BlockClaims claims_;
};

/// Before the first of the processes begins: what is there may be in the way.
void check_joint(const SampleFiles& files, Kind kind) {
  const fs::path folder = blocks_folder(files.out);
  require(!files.join || !files.resume,
          "join goes on with a run that was stopped; leave --resume out");
  if (files.join && fs::exists(folder)) return;
  if (fs::exists(folder) && !files.resume) {
    require(files.overwrite == Overwrite::allow, folder.string(),
            " holds blocks of a run that was stopped; resume that run, or remove the folder to "
            "begin again");
    fs::remove_all(folder);
  }
  require(files.overwrite == Overwrite::allow || kind == Kind::folder || !fs::exists(files.out),
          files.out.string(),
          " exists already and is not overwritten: remove it or choose another name");
}

DrawnFiles draw_jointly(const PictureJob& job, const Plan& plan, Kind kind) {
  const Ranks& ranks = job.files.ranks;
  RunOptions run = job.runs.front().run;
  if (ranks.is_first()) check_joint(job.files, kind);
  if (ranks.communicator()) {
    ranks.communicator()->barrier();
    if (run.threads == 0) run.threads = ranks.communicator()->num_threads();
  }
  DrawnFiles drawn;
  std::int64_t num_found = 0;
  {
    JointRun joint(job, plan, kind);
    num_found = joint.is_complete() ? job.count() : joint.num_pictures_done();
    try {
      drawn = joint.draw(run);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
      fail(ErrorCode::interrupted, "stopped: finished blocks are kept in ",
           blocks_folder(job.files.out).string());
    }
  }
  if (!ranks.communicator()) return drawn;
  ranks.communicator()->barrier();
  if (ranks.is_first()) fs::remove_all(blocks_folder(job.files.out));
  drawn.num_found = num_found;
  drawn.num_drawn = job.count() - num_found;
  return drawn;
}

}  // namespace

fs::path unfinished_file(const SampleFiles& files) {
  return files.join || files.ranks.size() > 1 ? blocks_folder(files.out) : log_path(files.out);
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
  const Kind kind = kind_of(files.out);
  check(job, kind);
  if (files.join || files.ranks.size() > 1) {
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
  for (const auto& destination : destinations) destination->finish();
  if (drawn.num_drawn > 0)
    drawn.nfe = static_cast<std::int64_t>(evaluations / static_cast<double>(drawn.num_drawn) + 0.5);
  drawn.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  drawn.peak_memory_bytes = peak_memory_bytes();
  return drawn;
}

}  // namespace ddim
