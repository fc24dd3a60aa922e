#include <ddim/counts.h>
#include <ddim/reproduce.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>

#include "api/reproduction.h"
#include "api/reproduction_parts.h"
#include "api/shared_work.h"
#include "base/elapsed.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/file_output.h"
#include "base/folder.h"
#include "base/progress.h"
#include "base/sha256.h"
#include "comm/block_claims.h"
#include "run/reporter.h"

namespace ddim {

using namespace engine;
using namespace reproduction;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

/// The last part of a path.
std::string name_of(const fs::path& path) {
  const fs::path normal = fs::absolute(path).lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
}

/// Shows how many of the missing steps are done, and tells the caller.
class StepProgress {
 public:
  StepProgress(const RunOptions& options, const std::vector<const Part*>& missing,
               std::int64_t num_parts)
      : options_(options),
        num_parts_(num_parts),
        number_(num_parts - std::ssize(missing)),
        display_(std::clog, run::style_of(options.show_progress), "steps") {
    for (const Part* part : missing) total_ += part->steps;
    if (!missing.empty()) display_.begin(0, total_);
  }

  /// The options of the next part. The argument must outlive the run.
  RunOptions begin(const Part& part) {
    ++number_;
    head_ = concat("part ", number_, "/", num_parts_, ": ", part.label);
    last_ = before_ = 0;
    display_.update(done_, "", head_, brief());
    RunOptions run{.batch = options_.batch, .threads = options_.threads, .stop = options_.stop};
    run.progress = [this, &part](const RunProgress& progress) { advance(part, progress); };
    return run;
  }
  void end(const Part& part) {
    done_ += part.steps;
    display_.update(done_, "", head_, brief());
  }
  std::int64_t num_finished() const { return number_ - 1; }

 private:
  std::string brief() const { return concat(number_, "/", num_parts_); }

  void advance(const Part& part, const RunProgress& progress) {
    const auto share = static_cast<double>(progress.evaluations_done) /
                       static_cast<double>(std::max<std::int64_t>(progress.evaluations, 1));
    const auto of_call = static_cast<std::int64_t>(
        share * static_cast<double>(std::min(part.steps, progress.evaluations)));
    // Encoding and decoding count from 0 each.
    if (of_call < last_) before_ += last_;
    last_ = of_call;
    const std::int64_t done = done_ + std::min(part.steps, before_ + of_call);
    display_.update(done, "", head_, brief());
    if (options_.progress) options_.progress({.evaluations_done = done, .evaluations = total_});
  }

  const RunOptions& options_;
  const std::int64_t num_parts_;
  std::int64_t number_;  ///< of the part in work, counted from 1
  std::int64_t total_ = 0, done_ = 0;
  std::int64_t last_ = 0, before_ = 0;
  std::string head_;
  Progress display_;
};

class Reproducer {
 public:
  Reproducer(const Model& model, const FeatureExtractor& extractor, const ReproduceOptions& options,
             const fs::path& out)
      : model_(model),
        extractor_(extractor),
        cells_(out),
        parts_(model, extractor, with_part_of_processors(options), cells_) {}

  Reproduction run() {
    const auto start = Clock::now();
    Reproduction result{.page = cells_.folder() / "index.html"};
    std::vector<const Part*> missing;
    for (const Part& part : parts_.all()) {
      std::optional<ReproducedCell> found = cells_.find(part.name);
      if (!found) {
        missing.push_back(&part);
        continue;
      }
      cells_.require_same(*found, part.recipe);
      ++result.num_found;
    }
    tell_cost(missing, result.num_found);
    if (sharing().is_shared()) {
      compute_jointly(missing);
    } else {
      write_page();
      compute(missing);
    }
    for (const Part& part : parts_.all()) result.cells.push_back(*cells_.find(part.name));
    result.seconds = seconds_since(start);
    return result;
  }

 private:
  static ReproduceOptions with_part_of_processors(ReproduceOptions options) {
    options.run = options_of_part(options.run, options.sharing);
    return options;
  }
  const ReproduceOptions& options() const { return parts_.options(); }
  const Sharing& sharing() const { return options().sharing; }

  void tell_cost(const std::vector<const Part*>& missing, std::int64_t num_found) const {
    if (!options().told_cost) return;
    ReproduceCost cost{.num_cells = std::ssize(parts_.all()), .num_found = num_found};
    std::int64_t num_features = 0;
    for (const Part* part : missing) {
      cost.evaluations += part->steps * part->calls;
      num_features += part->num_features;
    }
    if (num_features > 0) num_features += parts_.num_reference();
    if (!missing.empty()) {
      const Parts::Speeds speeds = parts_.measure();
      cost.seconds = (static_cast<double>(cost.evaluations) * speeds.seconds_per_call +
                      static_cast<double>(num_features) * speeds.seconds_per_feature) /
                     sharing().ranks.size();
    }
    options().told_cost(cost);
  }

  void compute(const std::vector<const Part*>& missing) {
    StepProgress progress(options().run, missing, std::ssize(parts_.all()));
    for (const Part* part : missing) {
      try {
        compute(*part, progress.begin(*part));
      } catch (const Error& error) {
        if (error.code() != ErrorCode::interrupted) throw;
        fail(ErrorCode::interrupted, "stopped: ", progress.num_finished(), " of ",
             count_of(std::ssize(parts_.all()), "parts"),
             " of the report are finished and kept in ", cells_.folder().string(),
             "; the same command goes on from there");
      }
      if (part->drawing) parts_.forget(*part);
      progress.end(*part);
      write_page();
    }
    try_remove_tree(cells_.folder() / "unfinished");
  }

  void compute(const Part& part, const RunOptions& run) {
    const auto start = Clock::now();
    Found found = part.compute(part, run);
    found.values.emplace("seconds", seconds_since(start));
    cells_.keep({.name = part.name,
                 .recipe = part.recipe,
                 .values = std::move(found.values),
                 .of_pictures = std::move(found.of_pictures)});
  }

  /// Pictures and features of one cell after the other, with all processes together; then each
  /// process takes whole parts, for which these are there.
  void compute_jointly(const std::vector<const Part*>& missing) {
    try {
      share_work(
          claims_place(), [&] { prepare_and_share(missing); },
          [&] {
            return std::ranges::all_of(
                parts_.all(), [&](const Part& part) { return cells_.find(part.name).has_value(); });
          });
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
      fail(ErrorCode::interrupted, "stopped: what is finished of the report is kept in ",
           cells_.folder().string(), "; the same command goes on from there");
    }
    const auto& ranks = sharing().ranks;
    end_sharing(sharing(), claims_place());
    if (!sharing().join && ranks.is_first()) try_remove_tree(cells_.folder() / "unfinished");
  }

  void prepare_and_share(const std::vector<const Part*>& missing) {
    StepProgress progress(options().run, missing, std::ssize(parts_.all()));
    require_common_folder(sharing(), claims_place());
    comm::BlockClaims claims(blocks_folder(claims_place()), work());
    for (const Part& part : parts_.all())
      require(!claims.is_complete() || cells_.find(part.name),
              blocks_folder(claims_place()).string(), " says that all is done, but cell ",
              part.name, " is not there; remove ", claims_place().parent_path().string(),
              " to have it computed");
    for (const Part& part : parts_.all()) {
      if (!part.drawing) continue;
      if (first_says(sharing(), cells_.find(part.name).has_value())) continue;
      try {
        parts_.prepare(part, progress.begin(part));
      } catch (const Error&) {
        // Another process that joined has finished it, and put its files away.
        if (!sharing().join || !cells_.find(part.name)) throw;
      }
      progress.end(part);
    }
    share_parts(claims, progress);
  }

  /// Of the parts' blocks.
  fs::path claims_place() const { return cells_.folder() / "unfinished" / "parts"; }

  comm::BlockClaims::Work work() const {
    std::string text;
    for (const Part& part : parts_.all()) text += parts_.identity(part) + "\n";
    // The recipes leave the device out, but machines of another kind draw other bits.
    const std::string device = parts_.device();
    return {.settings = {{"parts", sha256_hex(std::as_bytes(std::span(text)))},
                         {"device", device.substr(0, device.find(','))}},
            .num_blocks = std::ssize(parts_.all()),
            .timeout_seconds = sharing().timeout_seconds};
  }

  void share_parts(comm::BlockClaims& claims, StepProgress& progress) {
    const std::vector<Part>& all = parts_.all();
    while (const std::optional<std::int64_t> block = claims.next(options().run.stop)) {
      if (*block < std::ssize(all)) {
        const Part& part = all[static_cast<std::size_t>(*block)];
        if (!cells_.find(part.name)) {
          RunOptions run =
              part.drawing ? RunOptions{.threads = options().run.threads} : progress.begin(part);
          run.stop = options().run.stop;
          compute(part, run);
          if (!part.drawing) progress.end(part);
        }
      }
      write_page();
      claims.finish(*block, "done\n");
    }
    for (const Part& part : all)
      if (part.drawing) parts_.forget(part);
  }

  void write_page() const {
    const PageContext context{.model = model_.info().name,
                              .model_hash = model_.weights_hash(),
                              .data = name_of(options().data.data),
                              .reference = parts_.reference_pictures(),
                              .extractor = extractor_.recipe(parts_.fit()).extractor,
                              .options = options()};
    write_file_durably(cells_.folder() / "index.html", page_of(context, cells_), Overwrite::allow);
  }

  const Model& model_;
  const FeatureExtractor& extractor_;
  const Cells cells_;
  Parts parts_;
};

}  // namespace

ReproduceSize quick_size() {
  return {.steps = {10, 20, 50},
          .count = 128,
          .count_of_long = 128,
          .reconstruct_steps = {10, 20, 50, 100},
          .num_reconstructed = 16};
}

ReproduceSize full_size() {
  return {.count = 50'000, .count_of_long = 50'000, .num_reconstructed = 10'000};
}

void check_reproduce(const Model& model, const ReproduceOptions& options) {
  const ReproduceSize& size = options.size;
  require(!size.steps.empty() && !size.reconstruct_steps.empty(), "steps: no number given");
  require(size.consistency_steps.size() >= 2, "steps: figure 5 needs two numbers of steps or more");
  require(size.count >= kFewestPictures && size.count_of_long >= kFewestPictures,
          "count: at least ", kFewestPictures, " pictures are needed in a cell; got ",
          std::min(size.count, size.count_of_long));
  require(size.num_reconstructed >= 1, "table 2 needs a picture");
  const std::int64_t channels = model.info().shape.channels;
  require(channels == 1 || channels == 3, "reproduce: this model's pictures have ", channels,
          " channels; extractors of features take 1 or 3");
  const ClassChoice classes = classes_of(model, options.class_choice);
  const auto check = [&](const PlanOptions& plan) {
    check_sample(model, make_plan(model, plan), {.class_choice = classes});
  };
  for (const std::int64_t S : size.steps)
    for (const Noise& noise : all_noises())
      check({.steps = S, .tau = options.tau, .eta = noise.eta, .clip = noise.clip});
  for (const auto* steps : {&size.reconstruct_steps, &size.consistency_steps})
    for (const std::int64_t S : *steps) check({.steps = S});
  check({.steps = size.figure_steps});
}

Reproduction reproduce(const Model& model, const FeatureExtractor& extractor,
                       const ReproduceOptions& options, const fs::path& out) {
  check_reproduce(model, options);
  make_folders(out);
  const FileLock lock(out, options.sharing.is_shared() ? LockKind::together : LockKind::alone);
  return Reproducer(model, extractor, options, out).run();
}

}  // namespace ddim
