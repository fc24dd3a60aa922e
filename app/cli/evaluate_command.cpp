#include <ddim/error.h>
#include <ddim/evaluate.h>
#include <ddim/quality.h>
#include <ddim/ranks.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "choice_flag.h"
#include "commands.h"
#include "convention_flag.h"
#include "data_flags.h"
#include "extractor_flag.h"
#include "interrupts.h"
#include "json_object.h"
#include "outputs.h"
#include "picture_flags.h"
#include "plan_flags.h"
#include "rank_flags.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

using FlagNames = std::set<std::string>;

struct EvaluateCommandFlags {
  RunFlags run;
  DataFlags data;
  EpsErrorOptions options;
  bool eps_error = false;
  Option data_option;
  Option model;

  std::vector<fs::path> sets;
  std::string second_split_name;
  Option second_split;
  std::int64_t count = 10'000;
  ExtractorFlag extractor;
  ChoiceFlag<Resizing> resizing{Resizing::pytorch};
  fs::path features;
  fs::path statistics;
  fs::path neighbours;
  bool shrinks = false;
  ResizeFlag resize;
  Option resize_option;
  PlanFlags plan;
  ConventionFlag convention;
  OverwriteFlag overwrite;
  RankFlags ranks;
  bool join = false;

  FeatureOptions feature_options(const Ranks& together) const {
    return {.fit = resize.value(),
            .keep = neighbours.empty() ? KeepPictures::no : KeepPictures::yes,
            .folder = features,
            .sharing = ranks.sharing(together, join)};
  }
  /// Who joins late finds what others wrote.
  Overwrite overwrites() const { return join ? Overwrite::allow : overwrite.value(); }

  // Names of flags that say something in some of the command's uses only.
  FlagNames reading;   ///< how sets of pictures are read
  FlagNames of_model;  ///< of a model, whatever is done with it
  FlagNames drawing;   ///< how a model draws
};

FlagNames join(const std::vector<FlagNames>& all) {
  FlagNames joined;
  for (const FlagNames& names : all) joined.insert(names.begin(), names.end());
  return joined;
}

/// What figures are made by: names and values in the order in which they are shown.
using Lines = std::vector<std::pair<std::string, std::string>>;

std::string fit_text(const PictureFit& fit) {
  return fmt::format("{} to {}x{}, the size that the model draws", to_string(fit.fit), fit.width,
                     fit.height);
}

// The error of the predicted noise.

Lines recipe_of(const EpsErrors& errors, const EpsErrorOptions& options, const Model& model) {
  const PictureShape& shape = model.info().shape;
  Lines lines{{"data", options.data.data.string()},
              {"data_part", errors.part},
              {"data_checksum", std::to_string(errors.checksum)}};
  if (errors.fit != Fit::none)
    lines.emplace_back("data_fit",
                       fit_text({.fit = errors.fit, .height = shape.height, .width = shape.width}));
  for (const auto& [name, value] : model_recipe(model)) lines.emplace_back(name, value);
  lines.emplace_back("seed", std::to_string(options.seed));
  return lines;
}

void print_json(const EpsErrors& errors, const Lines& recipe) {
  std::string rows;
  for (const EpsErrorAt& error : errors.at) {
    if (!rows.empty()) rows += ",";
    rows += JsonObject()
                .add("t", error.t)
                .add("mean_squared_error", error.mean_squared_error)
                .add("half_width_95", error.half_width_95)
                .text();
  }
  JsonObject line;
  line.add("images", errors.images)
      .add("inner_height", errors.inner_height)
      .add("inner_width", errors.inner_width)
      .add_text("eps_error", "[" + rows + "]");
  for (const auto& [name, value] : recipe) line.add(name, value);
  print_out("{}\n", line.text());
}

void print_table(const EpsErrors& errors, const Lines& recipe) {
  print_out(
      "Mean squared error of the predicted noise per element,\n"
      "{} images, inner {}x{} pixels (width x height)\n",
      errors.images, errors.inner_width, errors.inner_height);
  print_out("{:>6}  {:>10}  {}\n", "t", "error", "95 % interval");
  for (const EpsErrorAt& error : errors.at) {
    print_out("{:>6}  {:>10.6f}  {}\n", error.t, error.mean_squared_error,
              number_or_dash("+- {:.6f}", error.half_width_95));
  }
  print_out("\n");
  for (const auto& [name, value] : recipe) print_out("{}: {}\n", name, value);
}

void run_eps_error(const EvaluateCommandFlags& flags, Command command,
                   const Interrupts& interrupts) {
  command.refuse_ignored(
      join({flags.drawing,
            {"set", "--second-split", "--extractor", "--save-statistics", "--neighbours",
             "--resizing", "--features", "--shrink", "--overwrite", "--join"}}),
      "with --eps-error, which takes its pictures from --data");
  if (flags.options.data.data.empty()) flags.data_option.throw_missing();
  if (!flags.run.has_model()) flags.model.throw_missing();
  EpsErrorOptions options = flags.options;
  options.data = flags.data.options_of(options.data.data);
  if (flags.resize_option.given()) options.fit = flags.resize.value();
  options.run = flags.run.options(interrupts.token());
  check_input(options.data.data);
  check_eps_error(flags.run.model_without_weights(interrupts.token()), options);
  const Model model = flags.run.load_model(interrupts.token());
  const EpsErrors errors = eps_error(model, options);
  const Lines recipe = recipe_of(errors, options, model);
  if (flags.run.json()) {
    print_json(errors, recipe);
  } else {
    print_table(errors, recipe);
  }
  flags.data.print_skipped();
}

// The comparison of two sets.

/// What is compared, as the user said it.
struct Comparison {
  bool draws = false;  ///< the first set is what --model draws
  std::optional<fs::path> first = {};
  std::optional<fs::path> second = {};  ///< nothing: only statistics of the first are written
  bool first_is_statistics = false;
  bool second_is_statistics = false;

  bool reads_first() const { return first && !first_is_statistics; }
  bool reads_second() const { return second && !second_is_statistics; }
  bool has_pictures() const { return (draws || reads_first()) && reads_second(); }
  bool extracts() const { return draws || reads_first() || reads_second(); }
};

Comparison comparison_of(const EvaluateCommandFlags& flags) {
  // DDIM_MODEL says nothing beside two sets, or beside one whose statistics are all that is asked.
  const std::size_t wanted = flags.statistics.empty() ? 2 : 1;
  const bool draws = flags.run.has_model() &&
                     (flags.sets.size() < wanted || flags.model.source() == Source::command_line);
  const std::size_t found = flags.sets.size() + (draws ? 1 : 0);
  if (found > 2 || found == 0 || (found == 1 && flags.statistics.empty()))
    throw Error(ErrorCode::usage,
                fmt::format("evaluate compares two sets of pictures, of which --model is one; got "
                            "{}; or say --save-statistics, for one set, or --eps-error",
                            found));
  Comparison comparison{.draws = draws};
  if (!draws) comparison.first = flags.sets.front();
  if (found == 2) comparison.second = flags.sets.back();
  for (const fs::path& set : flags.sets) check_input(set);
  if (comparison.first) comparison.first_is_statistics = holds_statistics(*comparison.first);
  if (comparison.second) comparison.second_is_statistics = holds_statistics(*comparison.second);
  return comparison;
}

void refuse_ignored(Command command, const EvaluateCommandFlags& flags,
                    const Comparison& comparison) {
  command.refuse_ignored({"--data", "--t"},
                         "to compare sets of pictures; it belongs to --eps-error");
  if (!comparison.draws)
    command.refuse_ignored(join({flags.drawing, flags.of_model}), "without --model");
  if (flags.statistics.empty() && flags.neighbours.empty())
    command.refuse_ignored({"--overwrite"}, "without --save-statistics or --neighbours");
  if (!comparison.has_pictures())
    command.refuse_ignored({"--neighbours"}, "where one set has no pictures");
  if (!comparison.reads_first() && !comparison.reads_second())
    command.refuse_ignored(flags.reading, "where no set is a folder or file of pictures");
  if (!comparison.extracts())
    command.refuse_ignored(
        {"--extractor", "--resizing", "--features", "--resize", "--seed", "--join"},
        "between statistics files");
  if (!comparison.reads_second())
    command.refuse_ignored({"--second-split"}, "without a second set of pictures");
  if (!comparison.second) command.refuse_ignored({"--shrink"}, "where one set is not compared");
  if (!comparison.draws &&
      (!comparison.second || comparison.first_is_statistics || comparison.second_is_statistics))
    command.refuse_ignored({"--seed"}, "where nothing is drawn at random");
  if (flags.second_split.given() && !comparison.reads_first())
    command.refuse_ignored({"--split"}, "beside --second-split where the first set is not read");
  if (comparison.first_is_statistics && !flags.statistics.empty())
    throw Error(ErrorCode::user,
                fmt::format("--save-statistics {}: the first set, {}, holds statistics already",
                            flags.statistics.string(), comparison.first->string()));
}

void check_files(const EvaluateCommandFlags& flags) {
  Files files(flags.overwrites());
  for (const fs::path& set : flags.sets) files.reads(set);
  if (!flags.features.empty()) files.fills("--features", flags.features);
  files.writes("--save-statistics", flags.statistics, {".npz"});
  files.writes("--neighbours", flags.neighbours, {".png"}).check();
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

/// Both are known to agree where both say something.
void add_extractor(const FeatureRecipe& first, const FeatureRecipe& second, Lines& lines) {
  const auto add = [&](const char* name, std::string FeatureRecipe::*part) {
    const std::string& found = (first.*part).empty() ? second.*part : first.*part;
    lines.emplace_back(name, found.empty() ? "not known" : found);
  };
  add("extractor", &FeatureRecipe::extractor);
  add("extractor_hash", &FeatureRecipe::extractor_hash);
  add("resizing", &FeatureRecipe::resizing);
  add("rounding", &FeatureRecipe::rounding);
}

void add_set(const std::string& which, const FeatureSet& set, Lines& lines) {
  lines.emplace_back(which, set.source);
  lines.emplace_back(which + "_count", set.count == 0 ? "not known" : std::to_string(set.count));
  if (!set.part.empty()) lines.emplace_back(which + "_part", set.part);
  if (!set.pictures_hash.empty()) lines.emplace_back(which + "_pictures_hash", set.pictures_hash);
  if (set.recipe.extractor.empty())
    lines.emplace_back(which + "_recipe",
                       "not stated in the file: taken to be that of the other set");
}

/// How a model drew a set. Its count is that of the set.
void add_drawing(const std::string& before, const FeatureSet& set, Lines& lines) {
  for (const auto& [name, value] : set.drawing)
    if (name != "count") lines.emplace_back(before + name, value);
}

void print(const Quality& quality, const Lines& recipe, bool as_json) {
  if (as_json) {
    JsonObject line;
    for (const auto& [name, measure] : rows_of(quality))
      line.add(name, measure.value).add(name + "_half_width_95", measure.half_width_95);
    line.add("subset_size", quality.subset_size);
    for (const auto& [name, value] : recipe) line.add(name, value);
    print_out("{}\n", line.text());
    return;
  }
  print_out("{:<18}  {:>10}  95 % interval\n", "measure", "value");
  for (const auto& [name, measure] : rows_of(quality))
    print_out("{:<18}  {:>10.5f}  {}\n", name, measure.value,
              number_or_dash("+- {:.5f}", measure.half_width_95));
  print_out("\n");
  if (quality.subset_size > 0) print_out("subset_size: {}\n", quality.subset_size);
  for (const auto& [name, value] : recipe) print_out("{}: {}\n", name, value);
}

/// What --model is to draw.
SampleOptions drawing_of(const EvaluateCommandFlags& flags, const Model& described) {
  const PlanOptions said = flags.plan.options();
  SampleOptions options{.count = flags.count,
                        .seed = flags.options.seed,
                        .class_choice = flags.run.class_choice(described)};
  options.plan = flags.convention.preset(flags.plan, said, described).options;
  flags.run.checked_plan(described, options.plan, options.class_choice);
  return options;
}

void run_comparison(const EvaluateCommandFlags& flags, Command command, const Ranks& ranks,
                    const Interrupts& interrupts) {
  const Comparison comparison = comparison_of(flags);
  refuse_ignored(command, flags, comparison);
  check_files(flags);
  const RunOptions run = flags.run.options(interrupts.token());
  SetsToCompare sets{.drawn_name = "what --model draws (--count)",
                     .first = flags.data.options_of(comparison.first.value_or(fs::path())),
                     .few_pictures = flags.shrinks ? FewPictures::shrink : FewPictures::refuse};
  std::optional<Model> described;
  if (comparison.draws) {
    sets.model = &described.emplace(flags.run.model_without_weights(run.stop));
    sets.with_weights = [&] { return flags.run.load_model(run.stop); };
    sets.drawing = drawing_of(flags, *described);
  }
  if (comparison.second) {
    sets.second = flags.data.options_of(*comparison.second);
    if (flags.second_split.given())
      sets.second->split = value_named<DataSplit>(flags.second_split_name);
  }
  std::optional<FeatureExtractor> extractor;
  if (comparison.extracts())
    extractor =
        FeatureExtractor::load(find_extractor(flags.extractor.value()), flags.resizing.value());
  if (extractor && extractor->picture_size())
    command.refuse_ignored(
        {"--resizing"}, fmt::format("by the extractor {}, to whose size --resize brings pictures",
                                    extractor->recipe(Fit::none).extractor));
  const auto& [first, second, seen] =
      extract_sets(sets, extractor, flags.feature_options(ranks), run);
  Lines sampling;
  add_drawing(comparison.draws ? "" : "first_", first, sampling);
  if (second) add_drawing("second_", *second, sampling);
  if (seen.is_training_data)
    sampling.emplace_back("second_is", "the pictures that the model was trained on");
  if (seen.fit.fit != Fit::none) sampling.emplace_back("second_fit", fit_text(seen.fit));
  if (seen.background != Colour())
    sampling.emplace_back("second_background", to_string(seen.background));
  if (!ranks.is_first()) return;
  if (!flags.statistics.empty()) write_statistics(flags.statistics, first, flags.overwrites());
  Lines recipe;
  if (!second) {
    add_extractor(first.recipe, {}, recipe);
    add_set("first", first, recipe);
    recipe.emplace_back("statistics", flags.statistics.string());
    recipe.insert(recipe.end(), sampling.begin(), sampling.end());
    JsonObject line;
    for (const auto& [name, value] : recipe) {
      if (flags.run.json()) line.add(name, value);
      if (!flags.run.json()) print_out("{}: {}\n", name, value);
    }
    if (flags.run.json()) print_out("{}\n", line.text());
    flags.data.print_skipped();
    return;
  }
  const Quality quality = compare_sets(first, *second,
                                       {.few_pictures = sets.few_pictures,
                                        .seed = flags.options.seed,
                                        .threads = run.threads,
                                        .show_progress = run.show_progress,
                                        .stop = run.stop});
  if (!flags.neighbours.empty())
    write_png(flags.neighbours,
              nearest_neighbours(first, *second, std::min<std::int64_t>(8, first.count),
                                 std::min<std::int64_t>(7, second->count)),
              {.text = {{"ddim", fmt::format("evaluate: each row has a picture of {} and the "
                                             "nearest ones of {}",
                                             first.source, second->source)}},
               .overwrite = flags.overwrites()});
  add_extractor(first.recipe, second->recipe, recipe);
  add_set("first", first, recipe);
  add_set("second", *second, recipe);
  if (flags.shrinks)
    recipe.emplace_back("covariance",
                        fmt::format("oracle approximating shrinkage, {:.4f} of the first, {:.4f} "
                                    "of the second",
                                    quality.first_shrinkage, quality.second_shrinkage));
  recipe.emplace_back("interval", "infinitesimal jackknife");
  if (!comparison.draws) recipe.emplace_back("seed", std::to_string(flags.options.seed));
  recipe.insert(recipe.end(), sampling.begin(), sampling.end());
  print(quality, recipe, flags.run.json());
  flags.data.print_skipped();
}

void run_as_rank(EvaluateCommandFlags& flags, Command command, const Ranks& ranks,
                 const Interrupts& interrupts) {
  if (!ranks.is_first() && !flags.ranks.log_all_ranks()) flags.run.be_quiet();
  if (!flags.eps_error) return run_comparison(flags, command, ranks, interrupts);
  if (ranks.size() > 1)
    throw Error(ErrorCode::user,
                fmt::format("--eps-error is the work of one process, but a launcher started {}; "
                            "start ddim by itself",
                            ranks.size()));
  run_eps_error(flags, command, interrupts);
}

void run(EvaluateCommandFlags& flags, Command command) {
  const Interrupts interrupts;
  // Who joins is by itself, also where srun started several: one that ends takes no other with it.
  if (flags.join) return run_as_rank(flags, command, Ranks(), interrupts);
  flags.ranks.run([&](const Ranks& ranks) { run_as_rank(flags, command, ranks, interrupts); });
}

}  // namespace

void add_evaluate_command(Command root) {
  const Command command =
      root.add_command("evaluate", "Compare sets of pictures, or measure a model on a data set");
  const auto flags = std::make_shared<EvaluateCommandFlags>();
  EpsErrorOptions& options = flags->options;
  command
      .add_option("set", flags->sets,
                  "Sets to compare, the reference last: folders of pictures, .npz or .npy files, "
                  "data sets, statistics files; with --model, the reference alone")
      .type_name("SET");
  command.add_flag("--eps-error", flags->eps_error,
                   "Measure the mean squared error of the predicted noise at each t of --t");
  flags->data_option =
      command
          .add_option("--data", flags->options.data.data,
                      "With --eps-error: folder, .npz or .npy file of the data set, as for ddim "
                      "train")
          .envname("DDIM_DATA")
          .type_name("DIR");
  flags->reading = command.names_added_by([&] { flags->data.add_reading_to(command); });
  flags->second_split = command
                            .add_option("--second-split", flags->second_split_name,
                                        "Which part of the second set (default: as --split)")
                            .type_name("NAME")
                            .one_of(names_of<DataSplit>());
  flags->drawing = command.names_added_by([&] {
    command.add_option("--count", flags->count, "How many pictures --model draws")
        .within(1, kMostPictures)
        .show_default();
    flags->plan.add_to(command);
    flags->convention.add_to(command, flags->plan);
  });
  flags->extractor.add_to(command);
  flags->resizing.add_to(
      command, "--resizing",
      "How the extractor inception brings pictures to 299x299: pytorch-bilinear as pytorch-fid, "
      "tf1-bilinear as the original FID, clean-bicubic as clean-fid");
  const Option features =
      command
          .add_option(
              "--features", flags->features,
              "Keep features in this folder as they are found: a run that is stopped goes on "
              "there, and another finds them")
          .type_name("DIR");
  command
      .add_option("--save-statistics", flags->statistics,
                  "Write the statistics of the first set to this .npz file; needs no second set")
      .type_name("FILE");
  command
      .add_option("--neighbours", flags->neighbours,
                  "Has the model memorised? Write 8 pictures of the first set, and beside each the "
                  "7 pictures of the second with the nearest features, the nearest first")
      .type_name("NAME.png");
  command.add_flag("--shrink", flags->shrinks,
                   "Go on with fewer pictures than features: shrink the covariances (OAS)");
  flags->resize_option = flags->resize.add_to(
      command,
      "such pictures are refused, or with --eps-error get to the model's size as in its training "
      "(if its files tell; otherwise by a border, or cropped and resized if they are larger)");
  command.add_option("--t", options.t, "Values of t, counted from 0")
      .delimiter(',')
      .non_negative()
      .show_default("10,100,500,900")
      .type_name("LIST");
  command.add_option("--seed", options.seed, "Random seed of noise, pictures and subsets")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  flags->of_model = command.names_added_by([&] { flags->model = flags->run.add_to(command); });
  for (const char* name : {"--class", "--guidance", "--null-class"})
    flags->drawing.insert(flags->of_model.extract(name));
  for (const char* name : {"--batch", "--threads", "--json", "--quiet"})
    flags->of_model.erase(name);
  flags->overwrite.add_to(command);
  command
      .add_flag("--join", flags->join,
                "Share the work with all processes that run the same command, on any machine that "
                "sees --features; they may come and go")
      .needs(features);
  flags->ranks.add_to(command);
  command.callback([flags, command] { run(*flags, command); });
}

}  // namespace ddim::cli
