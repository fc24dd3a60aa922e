#include <ddim/consistency.h>
#include <ddim/counts.h>
#include <ddim/filmstrip.h>
#include <ddim/interpolate.h>
#include <ddim/pictures.h>
#include <ddim/reconstruct.h>
#include <ddim/reproduce.h>
#include <ddim/sample_files.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "api/reproduction.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/file_output.h"
#include "base/progress.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "data/npz_set.h"
#include "eval/interval.h"
#include "run/reporter.h"

namespace ddim {

using namespace engine;
using namespace reproduction;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;
using Values = std::map<std::string, double>;

constexpr std::int64_t kShownOfCell = 12, kColumnsOfCell = 4;
constexpr std::int64_t kShownReconstructed = 8;
constexpr std::int64_t kSameNoise = 8;
constexpr std::int64_t kNumLines = 3, kFramesOfLine = 11, kSideOfSquare = 7;
constexpr std::int64_t kFilms = 2, kFilmFrames = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A part of the report, kept in a file of its own.
struct Task {
  std::string name;
  std::string label;
  std::int64_t steps = 0;         ///< of the sampler, summed over pictures
  std::int64_t num_features = 0;  ///< pictures whose features are taken
  Recipe recipe = {};
  std::function<Values(const Task&, const RunOptions&)> compute = {};
};

/// The last part of a path.
std::string name_of(const fs::path& path) {
  const fs::path normal = fs::absolute(path).lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
}

/// All classes but that which means "no class", for a model that has some.
ClassChoice classes_of(const Model& model, const ClassChoice& said) {
  ClassChoice choice = said;
  const ModelInfo& info = model.info();
  if (!choice.classes.empty() || !choice.vectors.empty()) return choice;
  const std::optional<std::int64_t> null_class =
      choice.null_class ? choice.null_class : info.null_class;
  for (std::int64_t k = 0; k < info.num_classes; ++k)
    if (k != null_class) choice.classes.push_back(k);
  return choice;
}

class Reproducer {
 public:
  Reproducer(const Model& model, const FeatureExtractor& extractor, const ReproduceOptions& options,
             const fs::path& out)
      : model_(model), extractor_(extractor), options_(options), cells_(out) {
    options_.class_choice = classes_of(model, options.class_choice);
    load_data();
    add_figures();
    for (const std::int64_t S : options_.size.reconstruct_steps) add_reconstruction(S);
    for (const std::int64_t S : options_.size.steps)
      for (const Noise& noise : all_noises()) add_drawing(noise, S, options_.tau);
    if (options_.tau != TauKind::linear)  // else its cells are those of table 1
      for (const std::int64_t S : steps_of_table_3(options_.size))
        for (const Noise* noise : {&no_noise(), &ddpm_noise()})
          add_drawing(*noise, S, TauKind::linear);
  }

  Reproduction run() {
    const auto start = Clock::now();
    Reproduction result{.page = cells_.folder() / "index.html"};
    std::vector<const Task*> missing;
    for (const Task& task : tasks_) {
      std::optional<ReproducedCell> found = cells_.find(task.name);
      if (!found) {
        missing.push_back(&task);
        continue;
      }
      cells_.require_same(*found, task.recipe);
      ++result.num_found;
    }
    tell_cost(missing, result.num_found);
    write_page(result.page);
    compute(missing, result);
    for (const Task& task : tasks_) result.cells.push_back(*cells_.find(task.name));
    std::error_code ignored;
    fs::remove_all(cells_.folder() / "unfinished", ignored);
    result.seconds = seconds_since(start);
    return result;
  }

 private:
  // What there is to do.

  void load_data() {
    data::DatasetOptions reading{.split = DataSplit::train,
                                 .channels = model_.info().shape.channels,
                                 .skip_corrupt = options_.data.read.skip_corrupt,
                                 .background = options_.data.read.background};
    const data::Dataset training = data::load_dataset(options_.data.data, reading);
    if (options_.data.read.report) options_.data.read.report(training.report);
    num_reference_ =
        std::min(training.images.count, options_.data.max_images.value_or(training.images.count));
    data_hash_ = std::to_string(data::fingerprint(training));
    const std::optional<std::int64_t> size = extractor_.picture_size();
    if (size) {
      const PictureShape& shape = model_.info().shape;
      // A narrow border (28x28 pixels in 32x32) changes less than resizing does.
      const auto all_within = [&](std::int64_t least, std::int64_t most) {
        return std::ranges::all_of(
            std::array{training.images.height, training.images.width, shape.height, shape.width},
            [&](std::int64_t each) { return least <= each && each <= most; });
      };
      if (!all_within(*size, *size))
        fit_ = all_within(*size * 3 / 4, *size) ? Fit::pad : Fit::crop_resize;
    }
  }

  /// "cpu avx512, 2 threads"
  std::string device() const {
    const std::string& name = model_.info().device;
    return concat(name.substr(0, name.find(',')), ", ",
                  count_of(num_threads_of(options_.run.threads), "threads"));
  }

  /// What all cells are made by.
  Recipe base_recipe() const {
    return {{"data", options_.data.data.string()}, {"data_fingerprint", data_hash_}};
  }

  SampleOptions drawing(const PlanOptions& plan, std::int64_t count) const {
    return {
        .plan = plan, .count = count, .seed = options_.seed, .class_choice = options_.class_choice};
  }

  Recipe recipe_of(const SampleOptions& sample) const {
    Recipe recipe = make_recipe(model_, sample);
    recipe.merge(base_recipe());
    recipe["device"] = device();
    return recipe;
  }

  void add_drawing(const Noise& noise, std::int64_t S, TauKind tau) {
    const SampleOptions sample =
        drawing({.steps = S, .tau = tau, .eta = noise.eta, .clip = noise.clip},
                count_of_cell(options_.size, S));
    Recipe recipe = recipe_of(sample);
    const FeatureRecipe features = extractor_.recipe(fit_);
    recipe["extractor"] = features.extractor;
    recipe["extractor_hash"] = features.extractor_hash;
    recipe["resizing"] = features.resizing;
    recipe["rounding"] = features.rounding;
    recipe["reference"] = "training pictures";
    recipe["reference_count"] = std::to_string(num_reference_);
    tasks_.push_back({.name = drawn_cell(noise, S, tau),
                      .label = concat(noise.name, ", S = ", S, ", ", to_string(tau)),
                      .steps = S * sample.count,
                      .num_features = sample.count,
                      .recipe = std::move(recipe),
                      .compute = [this, sample](const Task& task, const RunOptions& run) {
                        return draw(task, sample, run);
                      }});
  }

  void add_reconstruction(std::int64_t S) {
    Recipe recipe = base_recipe();
    recipe["steps"] = std::to_string(S);
    recipe["tau"] = to_string(TauKind::linear);
    recipe["count"] = std::to_string(options_.size.num_reconstructed);
    recipe["model_hash"] = model_.weights_hash();
    recipe["pictures"] = "test pictures, evenly spaced";
    recipe["device"] = device();
    tasks_.push_back({.name = reconstructed_cell(S),
                      .label = concat("table 2, S = ", S),
                      .steps = 2 * S * options_.size.num_reconstructed,
                      .recipe = std::move(recipe),
                      .compute = [this, S](const Task& task, const RunOptions& run) {
                        return reconstruct_in(S, task, run);
                      }});
  }

  void add_figures() {
    const ReproduceSize& size = options_.size;
    const SampleOptions film = drawing({.steps = size.figure_steps}, kFilms);
    tasks_.push_back({.name = kFilmCell,
                      .label = "figure 1",
                      .steps = film.count * size.figure_steps,
                      .recipe = recipe_of(film),
                      .compute = [this, film](const Task& task, const RunOptions& run) {
                        return film_of(task, film, run);
                      }});
    std::int64_t all_steps = 0;
    for (const std::int64_t S : size.consistency_steps) all_steps += S;
    Recipe same_noise = recipe_of(drawing({.tau = options_.tau}, kSameNoise));
    same_noise["steps"] = join(size.consistency_steps, ",");
    tasks_.push_back({.name = kConsistencyCell,
                      .label = "figure 5",
                      .steps = kSameNoise * all_steps,
                      .recipe = std::move(same_noise),
                      .compute = [this](const Task& task, const RunOptions& run) {
                        return same_noise_of(task, run);
                      }});
    const auto add_interpolation = [&](const char* name, const char* label, std::int64_t count,
                                       auto make_states) {
      const SampleOptions sample = drawing({.steps = size.figure_steps}, count);
      tasks_.push_back(
          {.name = name,
           .label = label,
           .steps = count * size.figure_steps,
           .recipe = recipe_of(sample),
           .compute = [this, sample, make_states](const Task& task, const RunOptions& run) {
             return interpolated(task, make_states(sample), run);
           }});
    };
    add_interpolation(kLinesCell, "figure 6", kNumLines * kFramesOfLine,
                      [this](SampleOptions sample) { return lines_of(std::move(sample)); });
    add_interpolation(kSquareCell, "figures 11 to 13", kSideOfSquare * kSideOfSquare,
                      [this](SampleOptions sample) { return square_of(std::move(sample)); });
  }

  // How it is done: each returns what it measured, and writes the cell's picture.

  Values draw(const Task& task, const SampleOptions& said, const RunOptions& run) {
    SampleOptions sample = said;
    sample.run = run;
    // The recipe is in the name, for a run with other options.
    const std::string text = join(task.recipe, "\n", [](const auto& line) {
      return line.first == "device" ? "" : concat(line.first, "=", line.second);
    });
    const std::string mark =
        sha256_hex(std::as_bytes(std::span(text.data(), text.size()))).substr(0, 12);
    const fs::path file = cells_.unfinished(concat(task.name, "-", mark));
    const Plan plan = make_plan(model_, sample.plan);
    auto start = Clock::now();
    Values values{{"count", static_cast<double>(sample.count)},
                  {"nfe", static_cast<double>(plan.nfe)}};
    if (!fs::exists(file)) {
      const DrawnFiles drawn = sample_to_files(model_, plan, sample, {.out = file, .resume = true});
      values["seconds_per_picture"] = drawn.seconds / static_cast<double>(drawn.num_drawn);
    }
    RunOptions quiet = run;
    quiet.progress = {};
    const auto before_reference = Clock::now();
    if (!reference_)
      reference_ =
          extractor_.extract({.data = options_.data.data,
                              .split = DataSplit::train,
                              .max_images = options_.data.max_images,
                              .read = {.background = options_.data.read.background,
                                       .skip_corrupt = options_.data.read.skip_corrupt}},
                             {.fit = fit_, .folder = cells_.folder() / "unfinished"}, quiet);
    start += Clock::now() - before_reference;  // which is done once for all cells
    const FeatureSet features = extractor_.extract(
        {.data = file}, {.fit = fit_, .folder = cells_.folder() / "unfinished"}, quiet);
    const bool few = std::min(features.count, reference_->count) <= features.dimensions;
    const Quality quality =
        compare_sets(features, *reference_,
                     {.few_pictures = few ? FewPictures::shrink : FewPictures::refuse,
                      .manifolds = Manifolds::leave_out,
                      .seed = options_.seed,
                      .threads = run.threads});
    const auto add = [&](const char* name, const std::optional<Measure>& measure) {
      if (!measure) return;
      values[name] = measure->value;
      values[concat(name, "_half_width_95")] = measure->half_width_95;
    };
    add("frechet_distance", quality.frechet_distance);
    add("kernel_distance", quality.kernel_distance);
    if (few) values["shrunk"] = 1.0;
    values["seconds"] = seconds_since(start);
    const data::Images pictures = data::load_npz(file, data::Labels::ignore).images;
    std::vector<Image> shown;
    for (std::int64_t k = 0; k < std::min(kShownOfCell, pictures.count); ++k)
      shown.push_back({.width = pictures.width,
                       .height = pictures.height,
                       .channels = pictures.channels,
                       .pixels = {pictures[k].begin(), pictures[k].end()}});
    // Small: a table shows those of all cells.
    const std::int64_t scale = std::max<std::int64_t>(1, 64 / pictures.width);
    write_picture(task.name, make_grid(shown, {.columns = kColumnsOfCell, .scale = scale}));
    finished_.push_back(file);
    return values;
  }

  /// Evenly spaced ones, so that a set which is sorted by class loses none.
  void load_test_pictures() {
    if (test_.count > 0) return;
    const ModelInfo& info = model_.info();
    data::DatasetOptions reading{.split = std::nullopt,
                                 .channels = info.shape.channels,
                                 .skip_corrupt = options_.data.read.skip_corrupt,
                                 .background = options_.data.read.background};
    if (info.num_classes > 0) reading.labels = data::Labels::read;
    data::Dataset set = data::load_dataset(options_.data.data, reading);
    data::Images images = std::move(set.images);
    images =
        data::fit_to(std::move(images), data::fit_for(images, info.shape.height, info.shape.width),
                     info.shape.height, info.shape.width, options_.data.data.string());
    const FloatImages all = data::to_floats(images, images.count);
    test_ = {.count = std::min(options_.size.num_reconstructed, all.count), .shape = all.shape};
    for (std::int64_t k = 0; k < test_.count; ++k) {
      const std::int64_t index = k * all.count / test_.count;
      test_.values.insert(test_.values.end(), all[index].begin(), all[index].end());
      if (info.num_classes > 0)
        test_classes_.push_back(set.labels[static_cast<std::size_t>(index)]);
    }
  }

  Values reconstruct_in(std::int64_t S, const Task& task, const RunOptions& run) {
    load_test_pictures();
    ReconstructOptions options{.steps = {S}};
    options.encode.class_choice.classes = test_classes_;
    options.encode.class_choice.null_class = options_.class_choice.null_class;
    options.encode.run = run;
    const ReconstructedAt found = reconstruct(model_, test_, options).front();
    const eval::Interval error = eval::mean_interval(mean_squared_differences(test_, found.x_0));
    std::vector<Image> shown;
    const std::int64_t columns = std::min(kShownReconstructed, test_.count);
    for (const FloatImages* row : {&std::as_const(test_), &found.x_0})
      for (std::int64_t k = 0; k < columns; ++k) shown.push_back(to_image(*row, k));
    write_picture(task.name, make_grid(shown, {.columns = columns, .scale = scale_of(columns)}));
    Values values{{"count", static_cast<double>(test_.count)},
                  {"nfe", found.nfe},
                  {"mean_squared_error", error.mean},
                  {"mean_squared_error_half_width_95", error.half_width_95},
                  {"seconds_per_picture", found.seconds / static_cast<double>(test_.count)}};
    if (found.paper) values["paper"] = *found.paper;
    return values;
  }

  Values film_of(const Task& task, SampleOptions sample, const RunOptions& run) {
    sample.run = run;
    const Filmstrip film = filmstrip(model_, {.sample = sample, .frames = kFilmFrames});
    const std::vector<double> times = filmstrip_times(make_plan(model_, sample.plan), kFilmFrames);
    write_picture(task.name, strip_picture(film.frames, times,
                                           strip_grid(model_.info().shape, times, sample.count)));
    return seconds_values(film.samples, sample.count);
  }

  Values same_noise_of(const Task& task, const RunOptions& run) {
    const std::vector<std::int64_t>& steps = options_.size.consistency_steps;
    ConsistencyOptions options{.steps = {steps.begin(), steps.end() - 1},
                               .reference_steps = steps.back(),
                               .sample = drawing({.tau = options_.tau}, kSameNoise)};
    options.sample.run = run;
    std::int64_t done_before = 0, last = 0;
    if (run.progress)  // each number of steps reports from 0 on
      options.sample.run.progress = [&, told = run.progress](const RunProgress& progress) {
        if (progress.evaluations_done < last) done_before += last;
        last = progress.evaluations_done;
        told({.evaluations_done = done_before + last, .evaluations = task.steps});
      };
    const std::vector<ConsistencyAt> rows = consistency(model_, options);
    Values values{{"count", static_cast<double>(kSameNoise)}};
    std::vector<Image> shown;
    GridOptions grid{.columns = kSameNoise, .scale = scale_of(kSameNoise)};
    for (const ConsistencyAt& row : rows) {
      for (std::int64_t k = 0; k < kSameNoise; ++k) shown.push_back(to_image(row.x_0, k));
      grid.row_labels.push_back(concat("S = ", row.steps));
      values[concat("distance_", row.steps)] = row.distance;
      values[concat("distance_", row.steps, "_half_width_95")] = row.half_width_95;
    }
    write_picture(task.name, make_grid(shown, grid));
    return values;
  }

  /// Lines from one picture to another, each within a class.
  SampleOptions lines_of(SampleOptions sample) const {
    const std::vector<std::int64_t> classes = sample.class_choice.classes;
    sample.class_choice.classes.clear();
    for (std::int64_t line = 0; line < kNumLines; ++line) {
      const FloatImages ends = draw_noise(model_, options_.seed, 2, 2 * line);
      const FloatImages states = interpolate(ends, kFramesOfLine);
      sample.x_T = line == 0 ? states : join(*sample.x_T, states);
      if (!classes.empty())
        sample.class_choice.classes.insert(
            sample.class_choice.classes.end(), static_cast<std::size_t>(kFramesOfLine),
            classes[static_cast<std::size_t>(line) % classes.size()]);
    }
    return sample;
  }

  SampleOptions square_of(SampleOptions sample) const {
    if (!sample.class_choice.classes.empty()) sample.class_choice.classes.resize(1);
    sample.x_T = interpolate(draw_noise(model_, options_.seed, 4, 2 * kNumLines), kSideOfSquare);
    return sample;
  }

  Values interpolated(const Task& task, SampleOptions sample, const RunOptions& run) {
    sample.run = run;
    const Samples samples = sample_of(sample);
    std::vector<Image> shown;
    for (std::int64_t k = 0; k < samples.x_0.count; ++k) shown.push_back(to_image(samples.x_0, k));
    const std::int64_t columns = task.name == kLinesCell ? kFramesOfLine : kSideOfSquare;
    write_picture(task.name, make_grid(shown, {.columns = columns, .scale = scale_of(columns)}));
    return seconds_values(samples, sample.count);
  }

  Samples sample_of(const SampleOptions& options) const { return sample(model_, options); }

  static Values seconds_values(const Samples& samples, std::int64_t count) {
    return {{"count", static_cast<double>(count)},
            {"nfe", static_cast<double>(samples.nfe)},
            {"seconds_per_picture", samples.seconds / static_cast<double>(count)}};
  }

  /// So that so many pictures beside each other are some 700 pixels wide.
  std::int64_t scale_of(std::int64_t columns) const {
    constexpr std::int64_t kWidth = 720;
    return std::clamp<std::int64_t>(kWidth / (columns * model_.info().shape.width), 1, 4);
  }

  void write_picture(const std::string& name, const Image& image) const {
    write_png(cells_.picture(name), image, {.overwrite = Overwrite::allow});
  }

  // Doing it.

  void tell_cost(const std::vector<const Task*>& missing, std::int64_t num_found) {
    if (!options_.told_cost) return;
    ReproduceCost cost{.num_cells = std::ssize(tasks_), .num_found = num_found};
    std::int64_t num_features = 0;
    for (const Task* task : missing) {
      cost.evaluations += task->steps;
      num_features += task->num_features;
    }
    if (num_features > 0) num_features += num_reference_;
    if (!missing.empty()) {
      const Speeds speeds = measure();
      cost.seconds = static_cast<double>(cost.evaluations) * speeds.seconds_per_step +
                     static_cast<double>(num_features) * speeds.seconds_per_feature;
    }
    options_.told_cost(cost);
  }

  struct Speeds {
    double seconds_per_step = 0.0, seconds_per_feature = 0.0;
  };
  /// Of a few pictures in two steps; once before, since the first time prepares the weights.
  Speeds measure() const {
    constexpr std::int64_t kPictures = 16, kSteps = 2;
    SampleOptions some = drawing({.steps = kSteps}, kPictures);
    some.run = {
        .batch = options_.run.batch, .threads = options_.run.threads, .stop = options_.run.stop};
    SampleOptions fewer = some;
    fewer.count = 2;
    fewer.plan.steps = 1;
    const Plan plan = make_plan(model_, some.plan);
    extractor_.extract(model_, make_plan(model_, fewer.plan), fewer, {.fit = fit_});
    auto start = Clock::now();
    sample(model_, some);
    const double drawing_seconds = seconds_since(start);
    start = Clock::now();
    extractor_.extract(model_, plan, some, {.fit = fit_});
    const double with_features = seconds_since(start);
    return {.seconds_per_step = drawing_seconds / (kPictures * kSteps),
            .seconds_per_feature = std::max(0.0, with_features - drawing_seconds) / kPictures};
  }

  void compute(const std::vector<const Task*>& missing, const Reproduction& result) {
    std::int64_t total = 0, done = 0, number = result.num_found;
    for (const Task* task : missing) total += task->steps;
    Progress display(std::clog, run::style_of(options_.run.show_progress), "steps");
    if (!missing.empty()) display.begin(0, total);
    for (const Task* task : missing) {
      ++number;
      const std::string head = concat("part ", number, "/", tasks_.size(), ": ", task->label);
      const std::string brief = concat(number, "/", tasks_.size());
      RunOptions run{
          .batch = options_.run.batch, .threads = options_.run.threads, .stop = options_.run.stop};
      display.update(done, "", head, brief);
      // Encoding and decoding count from 0 each.
      std::int64_t last = 0, before = 0;
      run.progress = [&](const RunProgress& progress) {
        const auto share = static_cast<double>(progress.evaluations_done) /
                           static_cast<double>(std::max<std::int64_t>(progress.evaluations, 1));
        const auto of_call = static_cast<std::int64_t>(
            share * static_cast<double>(std::min(task->steps, progress.evaluations)));
        if (of_call < last) before += last;
        last = of_call;
        display.update(done + std::min(task->steps, before + of_call), "", head, brief);
        if (options_.run.progress)
          options_.run.progress({.evaluations_done = done + std::min(task->steps, before + of_call),
                                 .evaluations = total});
      };
      const auto start = Clock::now();
      try {
        Values values = task->compute(*task, run);
        values.emplace("seconds", seconds_since(start));
        cells_.keep({.name = task->name, .recipe = task->recipe, .values = std::move(values)});
      } catch (const Error& error) {
        if (error.code() != ErrorCode::interrupted) throw;
        fail(ErrorCode::interrupted, "stopped: ", number - 1, " of ",
             count_of(std::ssize(tasks_), "parts"), " of the report are finished and kept in ",
             cells_.folder().string(), "; the same command goes on from there");
      }
      for (const fs::path& file : finished_) fs::remove(file);
      finished_.clear();
      done += task->steps;
      display.update(done, "", head, brief);
      write_page(result.page);
    }
  }

  void write_page(const fs::path& page) const {
    const PageContext context{.model = model_.info().name,
                              .model_hash = model_.weights_hash(),
                              .data = name_of(options_.data.data),
                              .extractor = extractor_.recipe(fit_).extractor,
                              .device = device(),
                              .options = options_};
    write_file_durably(page, page_of(context, cells_), Overwrite::allow);
  }

  const Model& model_;
  const FeatureExtractor& extractor_;
  ReproduceOptions options_;
  Cells cells_;
  std::vector<Task> tasks_;
  std::int64_t num_reference_ = 0;
  std::string data_hash_;
  Fit fit_ = Fit::none;
  std::optional<FeatureSet> reference_;
  FloatImages test_;
  std::vector<std::int64_t> test_classes_;
  std::vector<fs::path> finished_;  ///< pictures of cells that are kept now
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
  const FileLock lock(out);
  return Reproducer(model, extractor, options, out).run();
}

}  // namespace ddim
