#include "api/reproduction_parts.h"

#include <ddim/consistency.h>
#include <ddim/counts.h>
#include <ddim/filmstrip.h>
#include <ddim/interpolate.h>
#include <ddim/pictures.h>
#include <ddim/reconstruct.h>
#include <ddim/sample_files.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "api/shared_work.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "data/npz_set.h"
#include "eval/interval.h"

namespace ddim::reproduction {

using namespace engine;
namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kShownOfCell = 12, kColumnsOfCell = 4;
constexpr std::int64_t kShownReconstructed = 8;
constexpr std::int64_t kSameNoise = 8;
constexpr std::int64_t kNumLines = 3, kFramesOfLine = 11, kSideOfSquare = 7;
constexpr std::int64_t kFilms = 2, kFilmFrames = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

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

Parts::Parts(const Model& model, const FeatureExtractor& extractor, const ReproduceOptions& options,
             const Cells& cells)
    : model_(model), extractor_(extractor), options_(options), cells_(cells) {
  options_.class_choice = classes_of(model, options.class_choice);
  load_data();
  load_test_pictures();
  add_figures();
  for (const std::int64_t S : options_.size.reconstruct_steps) add_reconstruction(S);
  for (const std::int64_t S : options_.size.steps)
    for (const Noise& noise : all_noises()) add_drawing(noise, S, options_.tau);
  if (options_.tau != TauKind::linear)  // else its cells are those of table 1
    for (const std::int64_t S : steps_of_table_3(options_.size))
      for (const Noise* noise : {&no_noise(), &ddpm_noise()})
        add_drawing(*noise, S, TauKind::linear);
}

void Parts::load_data() {
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
std::string Parts::device() const {
  const std::string& name = model_.info().device;
  const int num_ranks = options_.sharing.ranks.size();
  return concat(name.substr(0, name.find(',')), ", ",
                num_ranks > 1 ? concat(num_ranks, " processes of ") : "",
                count_of(num_threads_of(options_.run.threads), "threads"));
}

/// What all cells are made by.
Recipe Parts::base_recipe() const {
  return {{"data", options_.data.data.string()}, {"data_fingerprint", data_hash_}};
}

SampleOptions Parts::drawing(const PlanOptions& plan, std::int64_t count) const {
  return {
      .plan = plan, .count = count, .seed = options_.seed, .class_choice = options_.class_choice};
}

Recipe Parts::recipe_of(const SampleOptions& sample) const {
  Recipe recipe = make_recipe(model_, sample);
  recipe.merge(base_recipe());
  recipe["device"] = device();
  return recipe;
}

void Parts::add_drawing(const Noise& noise, std::int64_t S, TauKind tau) {
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
  parts_.push_back(
      {.name = drawn_cell(noise, S, tau),
       .label = concat(noise.name, ", S = ", S, ", ", to_string(tau)),
       .steps = S * sample.count,
       .num_features = sample.count,
       .recipe = std::move(recipe),
       .drawing = sample,
       .compute = [this](const Part& part, const RunOptions& run) { return compare(part, run); }});
}

void Parts::add_reconstruction(std::int64_t S) {
  Recipe recipe = base_recipe();
  recipe["steps"] = std::to_string(S);
  recipe["tau"] = to_string(TauKind::linear);
  recipe["count"] = std::to_string(options_.size.num_reconstructed);
  recipe["model_hash"] = model_.weights_hash();
  recipe["pictures"] = "test pictures, evenly spaced";
  recipe["device"] = device();
  parts_.push_back({.name = reconstructed_cell(S),
                    .label = concat("table 2, S = ", S),
                    .steps = 2 * S * options_.size.num_reconstructed,
                    .recipe = std::move(recipe),
                    .compute = [this, S](const Part& part, const RunOptions& run) {
                      return reconstruct_in(S, part, run);
                    }});
}

void Parts::add_figures() {
  const ReproduceSize& size = options_.size;
  const SampleOptions film = drawing({.steps = size.figure_steps}, kFilms);
  parts_.push_back({.name = kFilmCell,
                    .label = "figure 1",
                    .steps = film.count * size.figure_steps,
                    .recipe = recipe_of(film),
                    .compute = [this, film](const Part& part, const RunOptions& run) {
                      return film_of(part, film, run);
                    }});
  std::int64_t all_steps = 0;
  for (const std::int64_t S : size.consistency_steps) all_steps += S;
  Recipe same_noise = recipe_of(drawing({.tau = options_.tau}, kSameNoise));
  same_noise["steps"] = join(size.consistency_steps, ",");
  parts_.push_back({.name = kConsistencyCell,
                    .label = "figure 5",
                    .steps = kSameNoise * all_steps,
                    .recipe = std::move(same_noise),
                    .compute = [this](const Part& part, const RunOptions& run) {
                      return same_noise_of(part, run);
                    }});
  const auto add_interpolation = [&](const char* name, const char* label, std::int64_t count,
                                     auto make_states) {
    const SampleOptions sample = drawing({.steps = size.figure_steps}, count);
    parts_.push_back(
        {.name = name,
         .label = label,
         .steps = count * size.figure_steps,
         .recipe = recipe_of(sample),
         .compute = [this, sample, make_states](const Part& part, const RunOptions& run) {
           return interpolated(part, make_states(sample), run);
         }});
  };
  add_interpolation(kLinesCell, "figure 6", kNumLines * kFramesOfLine,
                    [this](SampleOptions sample) { return lines_of(std::move(sample)); });
  add_interpolation(kSquareCell, "figures 11 to 13", kSideOfSquare * kSideOfSquare,
                    [this](SampleOptions sample) { return square_of(std::move(sample)); });
}

// How it is done: each returns what it measured, and writes the cell's picture.

std::string Parts::identity(const Part& part) {
  const std::string text = join(without_names(part.recipe), "\n", [](const auto& line) {
    return concat(line.first, "=", line.second);
  });
  const std::string hash = sha256_hex(std::as_bytes(std::span(text)));
  return concat(part.name, "-", hash.substr(0, 12));
}

fs::path Parts::file_of(const Part& part) const { return cells_.unfinished(identity(part)); }

void Parts::draw_pictures(const Part& part, const Sharing& sharing, const RunOptions& run) {
  const fs::path file = file_of(part);
  if (first_says(sharing, fs::exists(file))) return;
  SampleOptions sample = *part.drawing;
  sample.run = run;
  const DrawnFiles drawn =
      sample_to_files(model_, make_plan(model_, sample.plan), sample,
                      {.out = file, .resume = !sharing.join, .sharing = sharing});
  if (drawn.num_drawn > 0)
    seconds_per_picture_[part.name] = drawn.seconds / static_cast<double>(drawn.num_drawn);
}

FeatureSet Parts::features_of(const Part& part, const Sharing& sharing,
                              const RunOptions& run) const {
  return extractor_.extract(
      {.data = file_of(part)},
      {.fit = fit_, .folder = cells_.folder() / "unfinished", .sharing = sharing}, run);
}

void Parts::find_reference(const Sharing& sharing, const RunOptions& run) {
  if (reference_) return;
  reference_ = extractor_.extract(
      {.data = options_.data.data,
       .split = DataSplit::train,
       .max_images = options_.data.max_images,
       .read = {.background = options_.data.read.background,
                .skip_corrupt = options_.data.read.skip_corrupt}},
      {.fit = fit_, .folder = cells_.folder() / "unfinished", .sharing = sharing}, run);
}

void Parts::prepare(const Part& part, const RunOptions& run) {
  const auto start = Clock::now();
  RunOptions quiet = run;
  quiet.progress = {};
  draw_pictures(part, options_.sharing, run);
  find_reference(options_.sharing, quiet);
  features_of(part, options_.sharing, quiet);
  seconds_[part.name] = seconds_since(start);
}

Values Parts::compare(const Part& part, const RunOptions& run) {
  RunOptions quiet = run;
  quiet.progress = {};
  auto start = Clock::now();
  draw_pictures(part, {}, run);
  const auto before_reference = Clock::now();
  find_reference({}, quiet);
  start += Clock::now() - before_reference;  // which is done once for all cells
  const FeatureSet features = features_of(part, {}, quiet);
  Values values{{"count", static_cast<double>(part.drawing->count)},
                {"nfe", static_cast<double>(make_plan(model_, part.drawing->plan).nfe)}};
  if (const auto found = seconds_per_picture_.find(part.name); found != seconds_per_picture_.end())
    values["seconds_per_picture"] = found->second;
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
  values["seconds"] = seconds_[part.name] + seconds_since(start);
  const data::Images pictures = data::load_npz(file_of(part), data::Labels::ignore).images;
  std::vector<Image> shown;
  for (std::int64_t k = 0; k < std::min(kShownOfCell, pictures.count); ++k)
    shown.push_back({.width = pictures.width,
                     .height = pictures.height,
                     .channels = pictures.channels,
                     .pixels = {pictures[k].begin(), pictures[k].end()}});
  // Small: a table shows those of all cells.
  const std::int64_t scale = std::max<std::int64_t>(1, 64 / pictures.width);
  write_picture(part.name, make_grid(shown, {.columns = kColumnsOfCell, .scale = scale}));
  return values;
}

/// Evenly spaced ones, so that a set which is sorted by class loses none.
void Parts::load_test_pictures() {
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
    if (info.num_classes > 0) test_classes_.push_back(set.labels[static_cast<std::size_t>(index)]);
  }
}

Values Parts::reconstruct_in(std::int64_t S, const Part& part, const RunOptions& run) {
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
  write_picture(part.name, make_grid(shown, {.columns = columns, .scale = scale_of(columns)}));
  Values values{{"count", static_cast<double>(test_.count)},
                {"nfe", found.nfe},
                {"mean_squared_error", error.mean},
                {"mean_squared_error_half_width_95", error.half_width_95},
                {"seconds_per_picture", found.seconds / static_cast<double>(test_.count)}};
  if (found.paper) values["paper"] = *found.paper;
  return values;
}

Values Parts::film_of(const Part& part, SampleOptions sample, const RunOptions& run) {
  sample.run = run;
  const Filmstrip film = filmstrip(model_, {.sample = sample, .frames = kFilmFrames});
  const std::vector<double> times = filmstrip_times(make_plan(model_, sample.plan), kFilmFrames);
  write_picture(part.name, strip_picture(film.frames, times,
                                         strip_grid(model_.info().shape, times, sample.count)));
  return seconds_values(film.samples, sample.count);
}

Values Parts::same_noise_of(const Part& part, const RunOptions& run) {
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
      told({.evaluations_done = done_before + last, .evaluations = part.steps});
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
  write_picture(part.name, make_grid(shown, grid));
  return values;
}

/// Lines from one picture to another, each within a class.
SampleOptions Parts::lines_of(SampleOptions sample) const {
  const std::vector<std::int64_t> classes = sample.class_choice.classes;
  sample.class_choice.classes.clear();
  for (std::int64_t line = 0; line < kNumLines; ++line) {
    const FloatImages ends = draw_noise(model_, options_.seed, 2, 2 * line);
    const FloatImages states = interpolate(ends, kFramesOfLine);
    sample.x_T = line == 0 ? states : join(*sample.x_T, states);
    if (!classes.empty())
      sample.class_choice.classes.insert(sample.class_choice.classes.end(),
                                         static_cast<std::size_t>(kFramesOfLine),
                                         classes[static_cast<std::size_t>(line) % classes.size()]);
  }
  return sample;
}

SampleOptions Parts::square_of(SampleOptions sample) const {
  if (!sample.class_choice.classes.empty()) sample.class_choice.classes.resize(1);
  sample.x_T = interpolate(draw_noise(model_, options_.seed, 4, 2 * kNumLines), kSideOfSquare);
  return sample;
}

Values Parts::interpolated(const Part& part, SampleOptions sample, const RunOptions& run) {
  sample.run = run;
  const Samples samples = sample_of(sample);
  std::vector<Image> shown;
  for (std::int64_t k = 0; k < samples.x_0.count; ++k) shown.push_back(to_image(samples.x_0, k));
  const std::int64_t columns = part.name == kLinesCell ? kFramesOfLine : kSideOfSquare;
  write_picture(part.name, make_grid(shown, {.columns = columns, .scale = scale_of(columns)}));
  return seconds_values(samples, sample.count);
}

Samples Parts::sample_of(const SampleOptions& options) const { return sample(model_, options); }

Values Parts::seconds_values(const Samples& samples, std::int64_t count) {
  return {{"count", static_cast<double>(count)},
          {"nfe", static_cast<double>(samples.nfe)},
          {"seconds_per_picture", samples.seconds / static_cast<double>(count)}};
}

/// So that so many pictures beside each other are some 700 pixels wide.
std::int64_t Parts::scale_of(std::int64_t columns) const {
  constexpr std::int64_t kWidth = 720;
  return std::clamp<std::int64_t>(kWidth / (columns * model_.info().shape.width), 1, 4);
}

void Parts::write_picture(const std::string& name, const Image& image) const {
  write_png(cells_.picture(name), image, {.overwrite = Overwrite::allow});
}

/// Of a few pictures in two steps; once before, since the first time prepares the weights.
Parts::Speeds Parts::measure() const {
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

}  // namespace ddim::reproduction
