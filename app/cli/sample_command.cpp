#include <ddim/ddim.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>

#include "commands.h"
#include "convention_flag.h"
#include "init_flags.h"
#include "interrupts.h"
#include "json_object.h"
#include "like_flag.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "rank_flags.h"
#include "run_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDefaultCount = 16;

struct SampleCommandFlags {
  RunFlags run;
  LikeFlag like;
  PictureOutput out;
  fs::path noise;
  fs::path tensors;
  PlanFlags plan;
  ConventionFlag convention;
  InitFlags init;
  std::optional<std::int64_t> count;
  std::vector<std::uint64_t> seeds = {SampleOptions{}.seed};
  std::int64_t first_image = 0;
  OverwriteFlag overwrite;
  bool no_metadata = false;
  bool resume = false;
  bool join = false;
  RankFlags ranks;

  /// Whether --out names a folder with a file for each picture.
  bool is_folder() const { return out.path().extension().empty() || fs::is_directory(out.path()); }
};

void check_outputs(const SampleCommandFlags& flags) {
  // Who joins late finds what is there; a run that was stopped may have made some of its files.
  const Overwrite overwrite =
      flags.join || flags.resume ? Overwrite::allow : flags.overwrite.value();
  Files files(overwrite);
  files.reads(flags.noise);
  flags.init.add_to(files);
  flags.like.add_to(files);
  if (flags.is_folder() && flags.out.path() != "-") {
    if (fs::exists(flags.out.path()) && !fs::is_directory(flags.out.path()))
      throw Error(ErrorCode::user,
                  fmt::format("--out must end in .png, .npz or .safetensors, or be a folder; {} is "
                              "a file",
                              flags.out.path().string()));
    files.fills("--out", flags.out.path());
  } else {
    flags.out.add_to(files, " (a folder with a dot in its name: in /)");
  }
  files.writes("--save-tensors", flags.tensors, {".safetensors"}).check();
}

void print_result(const DrawnFiles& drawn, const SampleCommandFlags& flags) {
  const std::int64_t images = drawn.num_drawn + drawn.num_found;
  if (flags.run.json()) {
    print_out("{}\n", JsonObject()
                          .add("images", images)
                          .add("drawn", drawn.num_drawn)
                          .add("nfe", drawn.nfe)
                          .add("seconds", drawn.seconds)
                          .add("peak_memory_bytes", drawn.peak_memory_bytes)
                          .add("out", flags.out.path().string())
                          .text());
    return;
  }
  const std::string out = flags.out.path().string();
  const std::string pictures = count_of(images, "pictures");
  if (drawn.num_drawn == 0) {
    print_out("{}: {}, all of which were there already\n", out, pictures);
    return;
  }
  const double ms =
      1000.0 * drawn.seconds / (static_cast<double>(drawn.num_drawn) * std::max(1.0, drawn.nfe));
  const auto whole = static_cast<std::int64_t>(drawn.nfe);
  const std::string calls = drawn.nfe == static_cast<double>(whole)
                                ? count_of(whole, "network calls")
                                : fmt::format("on average {:.1f} network calls", drawn.nfe);
  const std::string found = drawn.num_found == 0 ? ""
                            : flags.join
                                ? fmt::format(" ({} of them by others who joined)", drawn.num_found)
                                : fmt::format(" ({} of them there already)", drawn.num_found);
  print_out("{}: {}{}, {} each, {:.1f} s ({:.2f} ms per image and call), {} MB\n", out, pictures,
            found, calls, drawn.seconds, ms, drawn.peak_memory_bytes / 1'000'000);
}

/// Draws, and says how to go on when that is stopped.
DrawnFiles draw(const Model& model, const Plan& plan, std::span<const SampleOptions> runs,
                const SampleFiles& files) {
  try {
    return sample_runs_to_files(model, plan, runs, files);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::interrupted) throw;
    throw Error(
        error.code(),
        files.sharing.join
            ? fmt::format("{}; join again to draw the rest", error.what())
            : fmt::format("{}; add --resume to the same command to draw the rest", error.what()));
  }
}

template <class Value>
void refuse_repeated(const char* flag, const std::vector<Value>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::find(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(i), values[i]) !=
        values.begin() + static_cast<std::ptrdiff_t>(i))
      throw Error(ErrorCode::user, fmt::format("{}: {} is given twice", flag, values[i]));
}

/// One for each seed and each value of guidance.
std::vector<SampleOptions> runs_of(const SampleCommandFlags& flags, const SampleOptions& options) {
  std::vector<SampleOptions> runs;
  for (const std::uint64_t seed : flags.seeds) {
    for (const double guidance : flags.run.guidances()) {
      runs.push_back(options);
      runs.back().seed = seed;
      runs.back().class_choice.guidance = guidance;
    }
  }
  return runs;
}

/// Of a run of `count` pictures for each seed and each value of guidance. With several of these
/// each begins a row, which says what it is.
GridOptions grid_of(const SampleCommandFlags& flags, std::int64_t count) {
  const bool several_seeds = flags.seeds.size() > 1;
  const bool several_guidances = flags.run.guidances().size() > 1;
  GridOptions grid{.columns = flags.out.columns()};
  if (!several_guidances && (!several_seeds || count == 1)) return grid;
  grid.columns = std::min(flags.out.columns().value_or(count), count);
  if (count % *grid.columns != 0)
    throw Error(ErrorCode::user,
                fmt::format("--columns must divide the number of pictures, so that each {} begins "
                            "a row; got {} for {}",
                            several_seeds ? "seed" : "value of --guidance", *grid.columns,
                            count_of(count, "pictures")));
  for (const std::uint64_t seed : flags.seeds) {
    for (const double guidance : flags.run.guidances()) {
      std::string label = several_seeds ? fmt::format("seed {}", seed) : "";
      if (several_guidances)
        label += fmt::format("{}guidance {}", several_seeds ? ", " : "", guidance);
      grid.row_labels.push_back(label);
      for (std::int64_t row = 1; row < count / *grid.columns; ++row) grid.row_labels.emplace_back();
    }
  }
  return grid;
}

/// Error(usage) or Error(user) for what the command line says of noise where there is none: all
/// pictures from one start would be the same.
void refuse_unused_noise(const SampleCommandFlags& flags, Command command, const Plan& plan,
                         const SampleOptions& options) {
  const bool starts_from_noise =
      flags.noise.empty() && (!flags.init.given() || flags.init.draws_noise());
  if (starts_from_noise || draws_noise(plan)) return;
  const std::string why = flags.init.given()
                              ? "with --init-by encoding, unless --eta or --mask adds noise"
                              : "with --noise, unless --eta adds more";
  command.refuse_ignored({"--seed"}, why);
  if (options.class_choice.classes.size() > 1) return;  // which the number of a picture decides
  command.refuse_ignored({"--first-image"}, why);
  const bool is_said = command.find_option("--count")->source() == Source::command_line;
  if (options.init && is_said && options.count > options.init->images.count)
    throw Error(
        ErrorCode::user,
        fmt::format("--count {}: --init-by encoding draws the same picture each time, unless "
                    "--eta adds noise; leave --count out",
                    options.count));
}

void draw_as_rank(SampleCommandFlags& flags, Command command, const Ranks& ranks,
                  const Interrupts& interrupts) {
  if (!ranks.is_first() && !flags.ranks.log_all_ranks()) flags.run.be_quiet();
  const PlanOptions plan_options = flags.plan.options();
  refuse_repeated("--seed", flags.seeds);
  refuse_repeated("--guidance", flags.run.guidances());
  check_outputs(flags);
  flags.like.check_other_weights(!flags.noise.empty());
  SampleOptions options{.first_image = flags.first_image};
  Codes noise;
  options.count = flags.count.value_or(kDefaultCount);
  if (!flags.noise.empty()) {
    noise = read_codes(flags.noise);
    const std::int64_t found = noise.x_T.count;
    if (flags.count.value_or(found) != found)
      throw Error(ErrorCode::user,
                  fmt::format("--noise {} holds {}, but --count is {}; leave --count out",
                              flags.noise.string(), count_of(found, "pictures"), *flags.count));
    options.count = found;
  }
  if (!flags.init.given()) grid_of(flags, options.count);  // what is wrong with it needs no model
  const Model described = flags.run.model_without_weights(interrupts.token());
  const PictureShape shape = described.info().shape;
  options.init = flags.init.load(described);
  if (options.init) options.count = flags.count.value_or(options.init->images.count);
  if (!flags.noise.empty()) {
    check_codes(described, noise, flags.noise.string());
    options.x_T = std::move(noise.x_T);
  }
  options.class_choice = flags.run.class_choice(described);
  options.run = flags.run.options(interrupts.token());
  const auto [preset, convention] = flags.convention.preset(flags.plan, plan_options, described);
  options.plan = preset;
  options.plan.strength = flags.init.strength(preset.sampler);
  const Plan plan = make_plan(described, options.plan);
  refuse_unused_noise(flags, command, plan, options);
  GridOptions grid = grid_of(flags, options.count);
  const std::vector<SampleOptions> runs = runs_of(flags, options);
  const std::int64_t num_pictures = options.count * std::ssize(runs);
  grid.scale = flags.out.grid(num_pictures, shape, grid.columns).scale;
  if (flags.is_folder()) {
    check_png_shape(shape, fmt::format("--out {}", flags.out.path().string()), kOtherNames);
  } else {
    flags.out.check(shape, num_pictures, grid);
  }
  for (const SampleOptions& each : runs) check_sample(described, plan, each);

  const Model model = flags.run.load_model(interrupts.token());
  flags.like.check_codes(model, {.model_hash = noise.model_hash}, flags.noise.string());
  if (!flags.run.quiet()) print_err("ddim: sampling {}\n", convention);
  if (!plan.note.empty() && !flags.run.quiet()) print_err("ddim: {}\n", plan.note);
  Recipe recipe = recipe_of_runs(model, runs);
  if (flags.like.given()) flags.like.check(recipe);
  const DrawnFiles drawn = draw(model, plan, runs,
                                {.out = flags.out.path(),
                                 .tensors = flags.tensors,
                                 .grid = grid,
                                 .recipe = flags.no_metadata ? Recipe{} : recipe,
                                 .overwrite = flags.overwrite.value(),
                                 .resume = flags.resume,
                                 .sharing = flags.ranks.sharing(ranks, flags.join)});
  if (!ranks.is_first()) return;
  print_result(drawn, flags);
  if (flags.like.given() && !flags.run.quiet()) flags.like.print_likeness(flags.out.path());
}

void run(SampleCommandFlags& flags, Command command) {
  const Interrupts interrupts;
  // Who joins is by itself, also where srun started several: one that ends takes no other with it.
  if (flags.join) return draw_as_rank(flags, command, Ranks(), interrupts);
  flags.ranks.run([&](const Ranks& ranks) { draw_as_rank(flags, command, ranks, interrupts); });
}

}  // namespace

void add_sample_command(Command root) {
  const Command command = root.add_command("sample", "Draw pictures with a trained model");
  const auto flags = std::make_shared<SampleCommandFlags>();
  flags->like.add_to(command, "--noise");
  const Option out =
      flags->out.add_to(command, "all pictures, or a folder for one file per picture")
          .required()
          .type_name("PATH");
  command.add_option("--count", flags->count, "Number of pictures to draw")
      .within(1, kMostPictures)
      .show_default(std::to_string(kDefaultCount));
  command
      .add_option(
          "--seed", flags->seeds,
          "Random seed; picture k of a seed does not depend on --count or --batch. With a "
          "comma-separated list, --count pictures of each; if these are several, each begins a "
          "row of the grid")
      .envname("DDIM_SEED")
      .delimiter(',')
      .type_name("N[,N...]")
      .non_negative()
      .show_default();
  command.add_option("--first-image", flags->first_image, "Number of the first picture")
      .non_negative()
      .show_default();
  flags->out.add_columns_to(command);
  const Option noise =
      command
          .add_option("--noise", flags->noise,
                      "Start from the noise x_T [N,C,H,W] in this safetensors file")
          .type_name("FILE");
  command
      .add_option("--save-tensors", flags->tensors,
                  "Also write x_0 [N,C,H,W], not clamped, to this safetensors file")
      .type_name("FILE");
  flags->plan.add_to(command);
  flags->convention.add_to(command, flags->plan);
  flags->init.add_to(command).excludes(noise);
  const Option model = flags->run.add_to(command, RunFlags::Classes::chosen_with_guidances);
  flags->overwrite.add_to(command);
  const Option resume = command.add_flag(
      "--resume", flags->resume,
      "Go on with a run that was stopped: draw only the pictures that are missing");
  command
      .add_flag("--join", flags->join,
                "Share the work with all processes that run the same command, on any machine that "
                "sees --out; they may come and go")
      .excludes(resume);
  flags->ranks.add_to(command);
  const Option no_metadata = command.add_flag("--no-metadata", flags->no_metadata,
                                              "Leave the recipe out of the PNG files");
  no_metadata.depends_on(out, [flags = flags.get(), no_metadata, out]() -> std::string {
    const fs::path ending = flags->out.path().extension();
    if (ending != ".npz" && ending != ".safetensors") return "";
    return fmt::format("{} is for PNG files; {} {} holds no recipe", no_metadata.cause(),
                       out.cause(), flags->out.path().string());
  });
  command.callback([flags, command, model] {
    if (flags->like.given()) flags->like.set_flags(command);
    if (!flags->run.has_model()) model.throw_missing();
    run(*flags, command);
  });
}

}  // namespace ddim::cli
