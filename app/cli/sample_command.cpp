#include <ddim/ddim.h>
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "convention_flag.h"
#include "init_flags.h"
#include "interrupts.h"
#include "json_object.h"
#include "like_flag.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"

namespace ddim::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDefaultCount = 16;
constexpr const char* kReadable = "auto";

struct Flags {
  RunFlags run;
  LikeFlag like;
  PictureOutput out;
  fs::path noise;
  fs::path tensors;
  PlanFlags plan;
  ConventionFlag convention;
  InitFlags init;
  std::optional<std::int64_t> count;
  SampleOptions options;  // seed and first_image
  std::optional<std::int64_t> columns;
  std::string scale = "1";
  OverwriteFlag overwrite;
  bool no_metadata = false;
  bool resume = false;

  /// Whether --out names a folder with a file for each picture.
  bool is_folder() const { return out.path().extension().empty() || fs::is_directory(out.path()); }
};

void check_outputs(const Flags& flags) {
  const Overwrite overwrite = flags.overwrite.value();
  Files files(overwrite);
  files.reads(flags.noise);
  const bool is_folder = flags.is_folder() && flags.out.path() != "-";
  if (!is_folder) flags.out.add_to(files);
  files.writes("--save-tensors", flags.tensors, {".safetensors"}).check();
  if (!is_folder) return;
  if (fs::exists(flags.out.path()) && !fs::is_directory(flags.out.path())) {
    throw Error(ErrorCode::user, fmt::format("--out must be a .png, .npz or .safetensors file, or "
                                             "a folder; {} is none of these",
                                             flags.out.path().string()));
  }
  // The folder, or the one that it is made in.
  fs::path above = fs::absolute(flags.out.path());
  while (!fs::exists(above)) above = above.parent_path();
  check_folder_takes_files(above, flags.out.path().string());
}

void print_result(const DrawnFiles& drawn, const Flags& flags) {
  const std::int64_t images = drawn.num_drawn + drawn.num_found;
  if (flags.run.json()) {
    fmt::print("{}\n", JsonObject()
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
    fmt::print("{}: {}, all of which were there already\n", out, pictures);
    return;
  }
  const double ms = 1000.0 * drawn.seconds /
                    static_cast<double>(drawn.num_drawn * std::max<std::int64_t>(1, drawn.nfe));
  const std::string found =
      drawn.num_found == 0 ? "" : fmt::format(" ({} of them there already)", drawn.num_found);
  fmt::print("{}: {}{}, {} each, {:.1f} s ({:.2f} ms per image and call), {} MB\n", out, pictures,
             found, count_of(drawn.nfe, "network calls"), drawn.seconds, ms,
             drawn.peak_memory_bytes / 1'000'000);
}

/// Draws, and says how to go on when that is stopped.
DrawnFiles draw(const Model& model, const Plan& plan, const SampleOptions& options,
                const SampleFiles& files) {
  try {
    return sample_to_files(model, plan, options, files);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::interrupted) throw;
    throw Error(error.code(),
                fmt::format("{}; add --resume to the same command to draw the rest", error.what()));
  }
}

void run(Flags& flags) {
  const Interrupts interrupts;
  const PlanOptions plan_options = flags.plan.options();
  flags.convention.refuse_contradictions(flags.plan);
  flags.init.check();
  SampleOptions options = flags.options;
  options.class_choice = flags.run.class_choice();
  options.run = flags.run.options(interrupts.token());
  options.count = flags.count.value_or(kDefaultCount);
  check_outputs(flags);
  if (!flags.noise.empty()) {
    if (flags.init.given())
      throw Error(ErrorCode::user, "use either --noise or --init-image, not both");
    options.x_T = read_tensor(flags.noise, "x_T");
    options.count = flags.count.value_or(options.x_T->count);
  }
  if (flags.init.given()) options.count = flags.count.value_or(flags.init.count());

  const Model model = flags.run.load_model(interrupts.token());
  if (flags.is_folder()) {
    check_png_shape(model.info().shape, fmt::format("--out {}", flags.out.path().string()));
  } else {
    flags.out.check(model.info().shape, options.count, flags.columns);
  }
  const auto [preset, convention] = flags.convention.preset(flags.plan, plan_options, model);
  options.plan = preset;
  options.plan.strength = flags.init.strength();
  const Plan plan = make_plan(model, options.plan);
  if (!flags.run.quiet()) fmt::print(stderr, "ddim: sampling {}\n", convention);
  if (!plan.note.empty() && !flags.run.quiet()) fmt::print(stderr, "ddim: {}\n", plan.note);
  options.init = flags.init.load(model);
  Recipe recipe = make_recipe(model, options);
  if (flags.like.given()) flags.like.check(recipe);
  const std::int64_t scale = flags.scale == kReadable
                                 ? readable_scale(options.count, model.info().shape, flags.columns)
                                 : std::stoll(flags.scale);
  const GridOptions grid{.columns = flags.columns, .scale = scale};
  const DrawnFiles drawn = draw(model, plan, options,
                                {.out = flags.out.path(),
                                 .tensors = flags.tensors,
                                 .grid = grid,
                                 .recipe = flags.no_metadata ? Recipe{} : recipe,
                                 .overwrite = flags.overwrite.value(),
                                 .resume = flags.resume});
  print_result(drawn, flags);
  if (!flags.like.given()) return;
  const std::string likeness = flags.like.compare(flags.out.path());
  if (!likeness.empty() && !flags.run.quiet())
    fmt::print(stderr, "ddim: {}: {}\n", flags.out.path().string(), likeness);
}

}  // namespace

void add_sample_command(Command root) {
  const Command command = root.add_command("sample", "Draw pictures with a trained model");
  const auto flags = std::make_shared<Flags>();
  flags->like.add_to(command);
  flags->out.add_to(command, "all pictures, or a folder for one file per picture")
      .required()
      .type_name("PATH");
  command.add_option("--count", flags->count, "Number of pictures to draw")
      .positive()
      .show_default(std::to_string(kDefaultCount));
  command
      .add_option("--seed", flags->options.seed,
                  "Random seed; picture k of a seed does not depend on --count or --batch")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  command.add_option("--first-image", flags->options.first_image, "Number of the first picture")
      .non_negative()
      .show_default();
  command
      .add_option("--columns", flags->columns,
                  "Columns of the grid (default: as square as possible)")
      .positive();
  command
      .add_option(
          "--scale", flags->scale,
          "Enlarge each pixel of the grid N times, with grey between the pictures; \"auto\" "
          "chooses a readable size")
      .type_name("N")
      .check([](const std::string& text) -> std::string {
        const bool is_number =
            text.size() <= 2 && text.find_first_not_of("0123456789") == std::string::npos;
        return text == kReadable ||
                       (is_number && !text.empty() && std::stoi(text) >= 1 && std::stoi(text) <= 64)
                   ? ""
                   : "must be a number from 1 to 64, or auto; got " + text;
      })
      .show_default();
  command
      .add_option("--noise", flags->noise,
                  "Start from the noise x_T [N,C,H,W] in this safetensors file")
      .type_name("FILE");
  command
      .add_option("--save-tensors", flags->tensors,
                  "Also write x_0 [N,C,H,W], not clamped, to this safetensors file")
      .type_name("FILE");
  flags->convention.add_to(command);
  flags->init.add_to(command);
  flags->plan.add_to(command);
  const Option model = flags->run.add_to(command);
  flags->overwrite.add_to(command);
  command.add_flag("--resume", flags->resume,
                   "Go on with a run that was stopped: draw only the pictures that are missing");
  command.add_flag("--no-metadata", flags->no_metadata, "Leave the recipe out of the PNG files");
  command.callback([flags, command, model] {
    if (flags->like.given()) flags->like.set_flags(command);
    if (!flags->run.has_model()) model.throw_missing();
    run(*flags);
  });
}

}  // namespace ddim::cli
