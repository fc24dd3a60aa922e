#include "api/reproduction_parts.h"

#include <ddim/consistency.h>
#include <ddim/counts.h>
#include <ddim/filmstrip.h>
#include <ddim/interpolate.h>
#include <ddim/pictures.h>
#include <ddim/reconstruct.h>
#include <ddim/sample_files.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "api/class_words.h"
#include "api/data_for_model.h"
#include "api/shared_work.h"
#include "api/time_taken.h"
#include "base/elapsed.h"
#include "base/error.h"
#include "base/file_output.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/workers.h"
#include "data/class_list.h"
#include "data/dataset.h"
#include "data/npz_set.h"
#include "eval/interval.h"
#include "run/network.h"

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

}  // namespace

ClassChoice classes_of(const Model& model, const ClassChoice& said) {
  ClassChoice choice = said;
  if (choice.classes.empty() && choice.vectors.empty()) add_all_classes(model.info(), choice);
  return choice;
}

Parts::Parts(const Model& model, const FeatureExtractor& extractor, const ReproduceOptions& options,
             const Cells& cells)
    : model_(model), extractor_(extractor), options_(options), cells_(cells) {
  options_.class_choice = classes_of(model, options.class_choice);
  load_data();
  load_test_pictures();
  if (options_.data.read.report) options_.data.read.report(report_);
  add_figures();
  for (const std::int64_t S : options_.size.reconstruct_steps) add_reconstruction(S);
  for (const std::int64_t S : options_.size.steps)
    for (const Noise& noise : all_noises()) add_drawing(noise, S, options_.tau);
  if (options_.tau != TauKind::linear)  // else its cells are those of table 1
    for (const std::int64_t S : steps_of_table_3(options_.size))
      for (const Noise* noise : {&no_noise(), &ddpm_noise()})
        add_drawing(*noise, S, TauKind::linear);
}

DataOptions Parts::data_options(std::optional<DataSplit> split) const {
  return {.data = options_.data.data,
          .split = split,
          .max_images = options_.data.max_images,
          .read = {.background = background_for(model_.info(), options_.data.read),
                   .skip_corrupt = options_.data.read.skip_corrupt}};
}

void Parts::load_data() {
  const PictureShape& shape = model_.info().shape;
  data::DatasetOptions reading = reading_for(model_.info(), data_options(DataSplit::train));
  reading.max_images = {};  // the recipe names all
  const data::Dataset training = data::load_dataset(options_.data.data, reading);
  seen_as_ = {.fit = training.fitted.fit, .height = shape.height, .width = shape.width};
  add_report(training.report);
  num_training_ = training.images.count;
  num_reference_ = std::min(num_training_, options_.data.max_images.value_or(num_training_));
  data_hash_ = std::to_string(data::fingerprint(training));
  if (const std::optional<std::int64_t> size = extractor_.picture_size()) {
    // A narrow border (28x28 pixels in 32x32) changes less than resizing does.
    const auto both_within = [&](std::int64_t least) {
      return least <= std::min(shape.height, shape.width) &&
             std::max(shape.height, shape.width) <= *size;
    };
    if (!both_within(*size)) fit_ = both_within(*size * 3 / 4) ? Fit::pad : Fit::crop_resize;
  }
  const auto set_of = [&](const std::string& source, std::int64_t count, std::int64_t height,
                          std::int64_t width) {
    return FeatureSet{.source = source,
                      .recipe = extractor_.recipe(fit_),
                      .count = count,
                      .dimensions = extractor_.dimensions(),
                      .height = extractor_.picture_size().value_or(height),
                      .width = extractor_.picture_size().value_or(width)};
  };
  check_sets(
      set_of("what the model draws (--count)",
             std::min(options_.size.count, options_.size.count_of_long), shape.height, shape.width),
      set_of(options_.data.data.string(), num_reference_, training.images.height,
             training.images.width),
      FewPictures::shrink);
}

/// What the files of a set that is not split say is said twice, and told once.
void Parts::add_report(const DataReport& report) {
  const auto add = [](const std::vector<std::string>& lines, std::vector<std::string>& all) {
    const std::set<std::string> known(all.begin(), all.end());
    std::ranges::copy_if(lines, std::back_inserter(all),
                         [&](const std::string& line) { return !known.contains(line); });
  };
  add(report.skipped, report_.skipped);
  add(report.notices, report_.notices);
  if (!report.classes.empty()) report_.classes = report.classes;
}

std::string Parts::reference_pictures() const {
  return num_reference_ == num_training_ ? "training pictures"
                                         : concat("first ", num_reference_, " training pictures");
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
  recipe["reference"] = reference_pictures();
  if (seen_as_.fit != Fit::none)
    recipe["reference"] += concat(", ", to_string(seen_as_.fit), " to ", seen_as_.width, "x",
                                  seen_as_.height, ", the size that the model draws");
  recipe["reference_count"] = std::to_string(num_reference_);
  parts_.push_back(
      {.name = drawn_cell(noise, S, tau),
       .label = concat(noise.name, ", S = ", S, ", ", to_string(tau)),
       .steps = S * sample.count,
       .calls = engine::run::num_calls(sample.class_choice),
       .num_features = sample.count,
       .recipe = std::move(recipe),
       .drawing = sample,
       .compute = [this](const Part& part, const RunOptions& run) { return compare(part, run); }});
}

void Parts::add_reconstruction(std::int64_t S) {
  Recipe recipe = model_recipe(model_);
  recipe.merge(base_recipe());
  recipe["steps"] = std::to_string(S);
  recipe["tau"] = to_string(TauKind::linear);
  recipe["count"] = std::to_string(test_.count);
  recipe["pictures"] = test_kind_;
  recipe["pictures_fingerprint"] = test_hash_;
  if (options_.class_choice.guidance != 1.0)
    recipe["guidance"] = "1, whatever other parts have: codes are of the classes themselves";
  recipe["device"] = device();
  parts_.push_back({.name = reconstructed_cell(S),
                    .label = concat("table 2, S = ", S),
                    .steps = 2 * S * test_.count,
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
                    .calls = engine::run::num_calls(film.class_choice),
                    .recipe = recipe_of(film),
                    .compute = [this, film](const Part& part, const RunOptions& run) {
                      return film_of(part, film, run);
                    }});
  std::int64_t all_steps = 0;
  for (const std::int64_t S : size.consistency_steps) all_steps += S;
  const SampleOptions same = drawing({.tau = options_.tau}, kSameNoise);
  Recipe same_noise = recipe_of(same);
  same_noise["steps"] = join(size.consistency_steps, ",");
  parts_.push_back({.name = kConsistencyCell,
                    .label = "figure 5",
                    .steps = kSameNoise * all_steps,
                    .calls = engine::run::num_calls(same.class_choice),
                    .recipe = std::move(same_noise),
                    .compute = [this](const Part& part, const RunOptions& run) {
                      return same_noise_of(part, run);
                    }});
  const auto add_interpolation = [&](const char* name, const char* label, std::int64_t count,
                                     std::int64_t frames, const std::string& endpoints,
                                     auto make_states) {
    const SampleOptions sample = drawing({.steps = size.figure_steps}, count);
    Recipe recipe = recipe_of(make_states(sample));
    recipe["endpoints"] = endpoints;
    recipe["frames"] = std::to_string(frames);
    parts_.push_back(
        {.name = name,
         .label = label,
         .steps = count * size.figure_steps,
         .calls = engine::run::num_calls(sample.class_choice),
         .recipe = std::move(recipe),
         .compute = [this, sample, make_states](const Part& part, const RunOptions& run) {
           return interpolated(part, make_states(sample), run);
         }});
  };
  std::vector<std::string> ends_of_lines;
  for (std::int64_t line = 0; line < kNumLines; ++line)
    ends_of_lines.push_back(concat(2 * line, " and ", 2 * line + 1));
  add_interpolation(kLinesCell, "figure 6", kNumLines * kFramesOfLine, kFramesOfLine,
                    concat("the noise of pictures ", join(ends_of_lines, ", "), " of the seed"),
                    [this](SampleOptions sample) { return lines_of(std::move(sample)); });
  add_interpolation(
      kSquareCell, "figures 11 to 13", kSideOfSquare * kSideOfSquare, kSideOfSquare,
      concat("the noise of pictures ", 2 * kNumLines, " to ", 2 * kNumLines + 3, " of the seed"),
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

fs::path Parts::time_file_of(const Part& part) const {
  return file_of(part).replace_extension(".seconds");
}

void Parts::forget(const Part& part) const {
  std::error_code gone;
  fs::remove(file_of(part), gone);
  fs::remove(time_file_of(part), gone);
}

bool Parts::is_kept(const Part& part) const {
  const auto bytes_of_picture = static_cast<std::int64_t>(model_.info().shape.size());
  return part.drawing->count <= options_.most_bytes_kept / bytes_of_picture;
}

void Parts::draw_pictures(const Part& part, const Sharing& sharing, const RunOptions& run) {
  if (!is_kept(part)) return;
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
  const FeatureOptions options{
      .fit = fit_, .folder = cells_.folder() / "unfinished", .sharing = sharing};
  if (is_kept(part)) return extractor_.extract({.data = file_of(part)}, options, run);
  SampleOptions sample = *part.drawing;
  sample.run = run;
  return extractor_.extract(model_, make_plan(model_, sample.plan), sample, options);
}

void Parts::find_reference(const Sharing& sharing, const RunOptions& run) {
  if (reference_) return;
  reference_ = extractor_.extract(data_options(DataSplit::train),
                                  {.fit = fit_,
                                   .first = seen_as_,
                                   .folder = cells_.folder() / "unfinished",
                                   .sharing = sharing},
                                  run);
}

void Parts::prepare(const Part& part, const RunOptions& run) {
  const auto start = Clock::now();
  RunOptions quiet = run;
  quiet.progress = {};
  draw_pictures(part, options_.sharing, run);
  find_reference(options_.sharing, quiet);
  features_of(part, options_.sharing, is_kept(part) ? quiet : run);
  seconds_[part.name] = seconds_since(start);
}

Found Parts::compare(const Part& part, const RunOptions& run) {
  TimeTaken time(time_file_of(part));
  RunOptions timed = run, quiet = run;
  timed.progress = [&](const RunProgress& progress) {
    time.keep_now_and_then();
    if (run.progress) run.progress(progress);
  };
  quiet.progress = [&](const RunProgress&) { time.keep_now_and_then(); };
  Values values{{"count", static_cast<double>(part.drawing->count)},
                {"nfe", static_cast<double>(make_plan(model_, part.drawing->plan).nfe)}};
  try {
    draw_pictures(part, {}, timed);
    if (const auto found = seconds_per_picture_.find(part.name);
        found != seconds_per_picture_.end())
      time.seconds_per_picture = found->second;
    time.without([&] { find_reference({}, quiet); });  // which is done once for all cells
    const FeatureSet features = features_of(part, {}, is_kept(part) ? quiet : timed);
    const bool few = std::min(features.count, reference_->count) <= features.dimensions;
    const Quality quality =
        compare_sets(features, *reference_,
                     {.few_pictures = few ? FewPictures::shrink : FewPictures::refuse,
                      .manifolds = Manifolds::leave_out,
                      .seed = options_.seed,
                      .threads = run.threads,
                      .stop = run.stop});
    const auto add = [&](const char* name, const std::optional<Measure>& measure) {
      if (!measure) return;
      values[name] = measure->value;
      values[concat(name, "_half_width_95")] = measure->half_width_95;
    };
    add("frechet_distance", quality.frechet_distance);
    add("kernel_distance", quality.kernel_distance);
    if (few) values["shrunk"] = 1.0;
    const std::vector<Image> shown = first_pictures(part, quiet);
    if (const auto found = seconds_per_picture_.find(part.name);
        found != seconds_per_picture_.end())
      time.seconds_per_picture = found->second;
    // Small: a table shows those of all cells.
    const std::int64_t scale = std::max<std::int64_t>(1, 64 / shown.front().width);
    write_picture(part.name, make_grid(shown, {.columns = kColumnsOfCell, .scale = scale}));
  } catch (...) {
    try {
      time.keep();
    } catch (const Error&) {  // the first error says more
    }
    throw;
  }
  if (time.seconds_per_picture > 0.0) values["seconds_per_picture"] = time.seconds_per_picture;
  values["seconds"] = seconds_[part.name] + time.seconds();
  return {std::move(values)};
}

/// Those that the page shows of a cell; where they were not kept, they are drawn again.
std::vector<Image> Parts::first_pictures(const Part& part, const RunOptions& run) {
  std::vector<Image> shown;
  if (is_kept(part)) {
    const data::Images pictures = data::load_npz(file_of(part), data::Labels::ignore).images;
    for (std::int64_t k = 0; k < std::min(kShownOfCell, pictures.count); ++k)
      shown.push_back({.width = pictures.width,
                       .height = pictures.height,
                       .channels = pictures.channels,
                       .pixels = {pictures[k].begin(), pictures[k].end()}});
    return shown;
  }
  SampleOptions first = *part.drawing;
  first.count = std::min(kShownOfCell, first.count);
  first.run = run;
  const Samples samples = sample_of(first);
  for (std::int64_t k = 0; k < first.count; ++k) shown.push_back(to_image(samples.x_0, k));
  seconds_per_picture_[part.name] = samples.seconds / static_cast<double>(first.count);
  return shown;
}

void Parts::load_test_pictures() {
  const ModelInfo& info = model_.info();
  data::DatasetOptions reading = reading_for(info, data_options(std::nullopt));
  reading.max_images = {};                                               // the recipe names all
  if (seen_as_.fit == Fit::crop_resize) reading.fit = Fit::crop_resize;  // as the reference
  if (info.num_classes > 0) reading.labels = data::Labels::read;
  data::Dataset set = data::load_dataset(options_.data.data, reading);
  add_report(set.report);
  if (info.num_classes > 0) data::number_as(info.class_names, set, options_.data.data.string());
  const std::vector<std::int64_t> labels = std::move(set.labels);
  set.labels.clear();
  test_hash_ = std::to_string(data::fingerprint(set));
  const std::int64_t num_all = set.images.count;
  set.images.count = std::min(num_all, options_.data.max_images.value_or(num_all));
  const bool are_all = set.images.count == num_all;
  if (test_hash_ != data_hash_)
    test_kind_ = "test pictures";
  else
    test_kind_ =
        are_all ? "all pictures, as the set is not split" : "pictures of a set that is not split";
  test_kind_ += ", evenly spaced";
  if (!are_all) test_kind_ += concat(" among the first ", set.images.count);
  test_ = data::some_to_floats(set.images, options_.size.num_reconstructed);
  for (std::int64_t k = 0; k < test_.count && info.num_classes > 0; ++k)
    test_classes_.push_back(
        labels[static_cast<std::size_t>(data::spaced_index(k, test_.count, set.images.count))]);
}

Found Parts::reconstruct_in(std::int64_t S, const Part& part, const RunOptions& run) {
  ReconstructOptions options{.steps = {S}};
  options.encode.class_choice.classes = test_classes_;
  options.encode.class_choice.null_class = options_.class_choice.null_class;
  options.encode.run = run;
  const ReconstructedAt found = reconstruct(model_, test_, options).front();
  std::vector<double> errors = mean_squared_differences(test_, found.x_0);
  const eval::Interval error = eval::mean_interval(errors);
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
  return {std::move(values), {{"mean_squared_error", std::move(errors)}}};
}

Found Parts::film_of(const Part& part, SampleOptions sample, const RunOptions& run) {
  sample.run = run;
  const Filmstrip film = filmstrip(model_, {.sample = sample, .frames = kFilmFrames});
  const std::vector<double> times = filmstrip_times(make_plan(model_, sample.plan), kFilmFrames);
  write_picture(part.name, strip_picture(film.frames, times,
                                         strip_grid(model_.info().shape, times, sample.count)));
  return {seconds_values(film.samples, sample.count)};
}

Found Parts::same_noise_of(const Part& part, const RunOptions& run) {
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
  return {std::move(values)};
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

Found Parts::interpolated(const Part& part, SampleOptions sample, const RunOptions& run) {
  sample.run = run;
  const Samples samples = sample_of(sample);
  std::vector<Image> shown;
  for (std::int64_t k = 0; k < samples.x_0.count; ++k) shown.push_back(to_image(samples.x_0, k));
  const std::int64_t columns = part.name == kLinesCell ? kFramesOfLine : kSideOfSquare;
  write_picture(part.name, make_grid(shown, {.columns = columns, .scale = scale_of(columns)}));
  return {seconds_values(samples, sample.count)};
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
  return {.seconds_per_call =
              drawing_seconds /
              static_cast<double>(kPictures * kSteps * engine::run::num_calls(some.class_choice)),
          .seconds_per_feature = std::max(0.0, with_features - drawing_seconds) / kPictures};
}

}  // namespace ddim::reproduction
