#include <ddim/error.h>
#include <ddim/evaluate.h>
#include <ddim/quality.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "choice_flag.h"
#include "commands.h"
#include "convention_flag.h"
#include "interrupts.h"
#include "json_object.h"
#include "picture_flags.h"
#include "plan_flags.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

struct Flags {
  RunFlags run;
  ChoiceFlag<DataSplit> split{DataSplit::test};
  EpsErrorOptions options;
  bool eps_error = false;
  Option model;

  std::vector<fs::path> sets;
  ChoiceFlag<DataSplit> second_split{DataSplit::train};
  Option second_split_option;
  std::int64_t count = 10'000;
  fs::path extractor = "models/features/resnet56-cifar10";
  fs::path statistics;
  std::int64_t resamples = QualityOptions{}.resamples;
  ResizeFlag resize;
  PlanFlags plan;
  ConventionFlag convention;
  OverwriteFlag overwrite;
};

void print_json(const EpsErrors& errors) {
  std::string rows;
  for (const EpsErrorAt& error : errors.at) {
    if (!rows.empty()) rows += ",";
    rows += JsonObject()
                .add("t", error.t)
                .add("mean_squared_error", error.mean_squared_error)
                .add("half_width_95", error.half_width_95)
                .text();
  }
  fmt::print("{}\n", JsonObject()
                         .add("images", errors.images)
                         .add("inner_height", errors.inner_height)
                         .add("inner_width", errors.inner_width)
                         .add_text("eps_error", "[" + rows + "]")
                         .text());
}

void print_table(const EpsErrors& errors) {
  fmt::print(
      "Mean squared error of the predicted noise per element, {} images, inner {}x{} pixels\n",
      errors.images, errors.inner_width, errors.inner_height);
  fmt::print("{:>6}  {:>10}  {}\n", "t", "error", "95 % interval");
  for (const EpsErrorAt& error : errors.at) {
    fmt::print("{:>6}  {:>10.6f}  +- {:.6f}\n", error.t, error.mean_squared_error,
               error.half_width_95);
  }
}

void run_eps_error(const Flags& flags) {
  if (!flags.sets.empty())
    throw Error(ErrorCode::usage,
                fmt::format("--eps-error takes its pictures from --data; got {} too",
                            flags.sets.front().string()));
  if (!flags.run.has_model()) flags.model.throw_missing();
  if (flags.options.data.data.empty()) throw Error(ErrorCode::usage, "--eps-error needs --data");
  const Interrupts interrupts;
  EpsErrorOptions options = flags.options;
  options.data.split = flags.split.value();
  options.run = flags.run.options(interrupts.token());
  const EpsErrors errors = eps_error(flags.run.load_model(interrupts.token()), options);
  if (flags.run.json()) {
    print_json(errors);
  } else {
    print_table(errors);
  }
}

/// Error(user) for two sets that are the same pictures.
void refuse_one_set_twice(const Flags& flags, DataSplit first, DataSplit second) {
  std::error_code unknown;
  if (!fs::equivalent(flags.sets[0], flags.sets[1], unknown) || first != second) return;
  throw Error(ErrorCode::user,
              fmt::format("both sets are the same pictures: {} and {}, split {}; give another set, "
                          "or another --second-split",
                          flags.sets[0].string(), flags.sets[1].string(), to_string(first)));
}

/// The name of a measure and what was found.
using Row = std::pair<std::string, Measure>;

std::vector<Row> rows_of(const Quality& quality) {
  std::vector<Row> rows{{"frechet_distance", quality.frechet_distance}};
  if (quality.kernel_distance) rows.emplace_back("kernel_distance", *quality.kernel_distance);
  if (quality.precision) rows.emplace_back("precision", *quality.precision);
  if (quality.recall) rows.emplace_back("recall", *quality.recall);
  if (quality.inception_score) rows.emplace_back("inception_score", *quality.inception_score);
  return rows;
}

/// What the figures were made by, in the order in which it is shown.
std::vector<std::pair<std::string, std::string>> recipe_of(const Flags& flags,
                                                           const FeatureSet& first,
                                                           const FeatureSet& second,
                                                           const std::string& sampling) {
  std::vector<std::pair<std::string, std::string>> recipe{
      {"extractor", first.recipe.extractor},
      {"extractor_hash", first.recipe.extractor_hash},
      {"resizing", first.recipe.resizing},
      {"rounding", first.recipe.rounding},
      {"first", first.source},
      {"first_count", std::to_string(first.count)},
      {"second", second.source},
      {"second_count", std::to_string(second.count)},
      {"seed", std::to_string(flags.options.seed)},
      {"resamples", std::to_string(flags.resamples)}};
  if (!sampling.empty()) recipe.emplace_back("sampling", sampling);
  return recipe;
}

void run_comparison(const Flags& flags) {
  const bool draws = flags.run.has_model();
  const std::size_t needed = draws ? 1 : 2;
  const bool only_statistics = !flags.statistics.empty() && flags.sets.size() + 1 == needed;
  if (flags.sets.size() != needed && !only_statistics)
    throw Error(ErrorCode::usage,
                fmt::format("evaluate compares two sets of pictures, of which --model is one; got "
                            "{}; or say --eps-error",
                            flags.sets.size() + (draws ? 1 : 0)));
  const DataSplit first_split = flags.split.value();
  const DataSplit second_split =
      flags.second_split_option.given() ? flags.second_split.value() : first_split;
  if (flags.sets.size() == 2) refuse_one_set_twice(flags, first_split, second_split);

  const Interrupts interrupts;
  const RunOptions run = flags.run.options(interrupts.token());
  const FeatureExtractor extractor = FeatureExtractor::load(flags.extractor);
  const Fit fit = flags.resize.value();
  const auto load = [&](const fs::path& path, DataSplit split) {
    if (holds_statistics(path)) return read_statistics(path);
    return extractor.extract(
        {.data = path, .split = split, .max_images = flags.options.data.max_images}, fit, run);
  };
  std::string sampling;
  FeatureSet first;
  if (draws) {
    const Model model = flags.run.load_model(interrupts.token());
    SampleOptions options{.count = flags.count,
                          .seed = flags.options.seed,
                          .class_choice = flags.run.class_choice(),
                          .run = run};
    const auto [preset, described] =
        flags.convention.preset(flags.plan, flags.plan.options(), model);
    options.plan = preset;
    sampling = described;
    first = extractor.extract(model, make_plan(model, preset), options, fit);
  } else {
    first = load(flags.sets.front(), first_split);
  }
  if (!flags.statistics.empty()) write_statistics(flags.statistics, first, flags.overwrite.value());
  if (only_statistics) {
    fmt::print("{}: statistics of {} pictures by {}\n", flags.statistics.string(), first.count,
               first.recipe.extractor);
    return;
  }
  const FeatureSet second = load(flags.sets.back(), draws ? first_split : second_split);
  const Quality quality = compare_sets(
      first, second,
      {.resamples = flags.resamples, .seed = flags.options.seed, .threads = run.threads});
  const auto recipe = recipe_of(flags, first, second, sampling);
  if (flags.run.json()) {
    JsonObject line;
    for (const auto& [name, measure] : rows_of(quality))
      line.add(name, measure.value).add(name + "_half_width_95", measure.half_width_95);
    line.add("subset_size", quality.subset_size);
    for (const auto& [name, value] : recipe) line.add(name, value);
    fmt::print("{}\n", line.text());
    return;
  }
  fmt::print("{:<18}  {:>10}  95 % interval   (by {}: not FID)\n", "measure", "value",
             first.recipe.extractor);
  for (const auto& [name, measure] : rows_of(quality))
    fmt::print("{:<18}  {:>10.5f}  +- {:.5f}\n", name, measure.value, measure.half_width_95);
  for (const auto& [name, value] : recipe) fmt::print("{}: {}\n", name, value);
}

}  // namespace

void add_evaluate_command(Command root) {
  const Command command =
      root.add_command("evaluate", "Compare sets of pictures, or measure a model on a data set");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  EpsErrorOptions& options = flags->options;
  command
      .add_option(
          "set", flags->sets,
          "Sets to compare, the reference last: folders of pictures, .npz files, data sets, "
          "statistics files; with --model, the reference alone")
      .type_name("SET");
  command.add_flag("--eps-error", flags->eps_error,
                   "Measure the mean squared error of the predicted noise at each t of --t");
  command
      .add_option("--data", options.data.data,
                  "With --eps-error: folder or .npz file of the data set, as for ddim train")
      .envname("DDIM_DATA")
      .type_name("DIR");
  flags->split.add_to(command, "--split", "Which part of the data set: train or test");
  flags->second_split_option = flags->second_split.add_to(
      command, "--second-split", "Which part of the second set (default: as --split)");
  command.add_option("--count", flags->count, "How many pictures --model draws")
      .positive()
      .show_default();
  command
      .add_option("--extractor", flags->extractor, "Folder of the network that looks at pictures")
      .envname("DDIM_EXTRACTOR")
      .show_default()
      .type_name("DIR");
  command
      .add_option("--save-statistics", flags->statistics,
                  "Write the statistics of the first set to this .npz file")
      .type_name("FILE");
  command.add_option("--resamples", flags->resamples, "Bootstrap samples behind each interval")
      .positive()
      .show_default();
  flags->resize.add_to(command);
  flags->convention.add_to(command);
  flags->plan.add_to(command);
  command.add_option("--t", options.t, "Values of t, counted from 0")
      .delimiter(',')
      .show_default("10,100,500,900")
      .type_name("LIST");
  command.add_option("--max-images", options.data.max_images, "Use only the first N pictures");
  command.add_option("--seed", options.seed, "Random seed of noise, pictures and resampling")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  flags->model = flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.callback([flags] {
    if (flags->eps_error) {
      run_eps_error(*flags);
    } else {
      run_comparison(*flags);
    }
  });
}

}  // namespace ddim::cli
